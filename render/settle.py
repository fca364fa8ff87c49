"""What is left of each list of items beside what the mail shows already: no item twice in one mail.

The lists of a mail (the campaign's recommendations, and what blocks ask for) come with items to spare. Slot
by slot, for all rows at once, a list is offered to the candidate blocks without the items that the blocks
above show; once a block that shows it is chosen, it stays as it is, for that row. An ask with ``again`` is
left whole, and takes nothing from the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailwright.model.recommendation import ASKED, OWN_FIELDS, Ask
from render.compiled import CompiledCampaign

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
ITEM = pa.struct(
    [
        ("item_id", pa.string()),
        *((name, pa.float64() if name == "score" else pa.string()) for name in OWN_FIELDS),
    ]
)
NONE = -1


class Lists:
    """The lists of a campaign over the rows of a frame; idle where blocks ask for none."""

    def __init__(self, compiled: CompiledCampaign, frame: pa.Table) -> None:
        names = [ask.column for ask in compiled.asks]
        self.idle = not names
        self._rows = frame.num_rows
        own = ["recommendations"] if names and "recommendations" in frame.column_names else []
        self._lists = {name: _List(name, compiled, frame) for name in [*names, *own]}
        self._shown: list[Codes] = []
        _number(list(self._lists.values()))

    def offer(self, names: Iterable[str]) -> dict[str, pa.Array]:
        """The lists of these names as a candidate of the next slot may show them."""
        before, found = list(self._shown), {}
        for name in self._known(names):
            kept = self._settled(name, before)
            if not self._lists[name].again:
                before.append(np.where(kept, self._lists[name].codes, NONE))
            found[name] = self._lists[name].column(kept)
        return found

    def show(self, rows: Mask, names: Iterable[str]) -> None:
        """These rows show these lists: they stay as they are, and their items are in no other list."""
        for name in self._known(names):
            one = self._lists[name]
            kept = self._settled(name, self._shown)
            new = rows & ~one.fixed
            one.kept[new] = kept[new]
            one.fixed |= rows
            if not one.again:
                self._shown.append(np.where(one.kept & rows[:, None], one.codes, NONE))

    def columns(self) -> dict[str, pa.Array]:
        """Every list as the mails have it."""
        return {name: one.column(self._settled(name, self._shown)) for name, one in self._lists.items()}

    def _known(self, names: Iterable[str]) -> list[str]:
        """Of these the lists there are; the campaign's last, since it has the most to choose from."""
        return sorted(set(names) & set(self._lists), key=lambda name: (name == "recommendations", name))

    def _settled(self, name: str, shown: Sequence[Codes]) -> Mask:
        one = self._lists[name]
        left = one.codes != NONE
        if not one.again:
            for codes in shown:
                for column in codes.T:
                    left &= (one.codes != column[:, None]) | (column == NONE)[:, None]
        left &= np.cumsum(left, axis=1) <= one.n
        return np.where(one.fixed[:, None], one.kept, left)


class _List:
    """One list: of each row its items by number, best first, and which of them it keeps."""

    codes: Codes
    """int32[rows, width], ``NONE`` where there is none."""
    kept: Mask

    def __init__(self, name: str, compiled: CompiledCampaign, frame: pa.Table) -> None:
        ask = Ask.of(name) if name.startswith(ASKED) else None
        self.n = ask.n if ask is not None else compiled.spec.recommendations.n
        self.again = ask is not None and ask.again
        if name in frame.column_names:
            column = frame[name].combine_chunks()
            column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        else:
            column = pa.array([[]] * frame.num_rows, pa.list_(ITEM))
        self.items = column.flatten()
        self.lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        self.fixed = np.zeros(frame.num_rows, bool)
        width = int(self.lengths.max(initial=0))
        self.there = np.arange(width) < self.lengths[:, None]
        self.kept = np.zeros(self.there.shape, bool)

    def column(self, kept: Mask) -> pa.Array:
        """The kept items as lists."""
        chosen = self.items.filter(pa.array(kept[self.there]))
        offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), chosen)


def _number(lists: Sequence[_List]) -> None:
    """Give equal items of all lists equal numbers."""
    if not lists:
        return
    ids = pa.concat_arrays([pc.struct_field(one.items, "item_id").cast(pa.string()) for one in lists])
    numbers = ids.dictionary_encode().indices.fill_null(NONE).to_numpy(zero_copy_only=False)
    start = 0
    for one in lists:
        one.codes = np.full(one.there.shape, NONE, np.int32)
        one.codes[one.there] = numbers[start : start + len(one.items)]
        start += len(one.items)
