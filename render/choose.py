"""Which block each recipient gets in each slot, for the whole frame at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from render.compiled import CompiledBlock, CompiledCampaign, CompiledSlot
from render.formats import locale_chain
from render.mail import variant_id
from render.rows import is_list
from render.settle import Lists
from rules import Rule, evaluate_rules

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Choices:
    """Two columns a slot: ``slot:<name>``, the block (NULL: none), and ``eligible:<name>``, the candidates
    that the row may get, as bits in their order, for when the chosen one cannot be made.

    Where blocks ask for items themselves, the lists of items too, as the mails have them (``settle``).

    ``variants``: name of a combination of blocks → rows.
    """

    columns: pa.Table
    variants: Mapping[str, int]


def choose_blocks(
    compiled: CompiledCampaign,
    frame: pa.Table,
    *,
    now: datetime,
    interactions: pa.Table | None = None,
    rows: Mask | None = None,
) -> Choices:
    """The best eligible block of each slot for each row (those of ``rows``); rules run once, columnar."""
    frame = frame.select(_columns_read(frame.column_names, compiled))
    if rows is not None:
        frame = frame.filter(pa.array(rows))
    lists = Lists(compiled, frame)
    for edition, there in edition_rows(compiled, frame):
        lists.show(there, edition.lists.get("", ()))
    truth = _Truth(compiled, frame, now, interactions, lists)
    columns: dict[str, pa.Array] = {}
    for slot in compiled.all_slots.values():
        columns |= _choose(slot, compiled, frame, truth, now)
    variants = _variants(columns, frame.num_rows, edition_names(compiled, frame))
    return Choices(pa.table(columns | lists.columns()), variants)


def _columns_read(names: list[str], compiled: CompiledCampaign) -> list[str]:
    """The columns that any choice may read; a frame has many wide ones that none does."""
    blocks = (block for slot in compiled.all_slots.values() for block in slot.blocks)
    read = {"profile_id", "locale"}.union(*(rule.attributes for block in blocks for rule in block.rules))
    return [
        name
        for name in names
        if name in read or name.startswith(("segment:", "experiment:")) or (compiled.asks and is_list(name))
    ]


class _Truth:
    """Whether the rules of blocks hold: of those that read lists when their turn comes, else all at once."""

    def __init__(
        self,
        compiled: CompiledCampaign,
        frame: pa.Table,
        now: datetime,
        interactions: pa.Table | None,
        lists: Lists,
    ) -> None:
        self.lists, self._compiled = lists, compiled
        self._frame, self._now, self._interactions = frame, now, interactions
        blocks = [(slot.name, block) for slot in compiled.all_slots.values() for block in slot.blocks]
        self._table = self._evaluate(
            {
                key: rule
                for slot, block in blocks
                if not self._reads(block)
                for key, rule in _keyed(slot, block).items()
            },
            frame,
        )

    def of(self, slot: str, block: CompiledBlock) -> pa.Table:
        """The truth of a block's rules, a column each."""
        rules = _keyed(slot, block)
        if not (read := self._reads(block)):
            return self._table.select(list(rules))
        shown = self._compiled.block_lists.get(block.name, frozenset())
        offered = self.lists.offer(read | shown)
        frame = self._frame
        for name, column in offered.items():
            if name in frame.column_names:
                frame = frame.set_column(frame.column_names.index(name), name, column)
            else:
                frame = frame.append_column(name, column)
        return self._evaluate(rules, frame)

    def _reads(self, block: CompiledBlock) -> frozenset[str]:
        if self.lists.idle:
            return frozenset()
        return frozenset(name for rule in block.rules for name in rule.attributes if is_list(name))

    def _evaluate(self, rules: dict[str, Rule], frame: pa.Table) -> pa.Table:
        if not rules:
            return pa.table({})
        return evaluate_rules(rules, frame, now=self._now, interactions=self._interactions)


def _keyed(slot: str, block: CompiledBlock) -> dict[str, Rule]:
    return {f"{slot}/{block.name}/{number}": rule for number, rule in enumerate(block.rules)}


def eligible(
    block: CompiledBlock,
    compiled: CompiledCampaign,
    frame: pa.Table,
    truth: pa.Table,
    now: datetime,
) -> Mask:
    """For which rows a block may be shown: dates, locale, needs and condition; unknown does not hold."""
    rows = np.ones(frame.num_rows, dtype=bool)
    if (block.starts and now < block.starts) or (block.ends and now >= block.ends):
        return np.zeros(frame.num_rows, dtype=bool)
    if block.spec.locale:
        rows &= _in_locale(block, compiled, frame)
    if block.spec.experiment is not None:
        rows &= _in_arm(frame, block.spec.experiment.name, block.spec.experiment.arm)
    for column in truth.columns:
        rows &= pc.fill_null(column, False).to_numpy().astype(bool)
    return rows


def _choose(
    slot: CompiledSlot, compiled: CompiledCampaign, frame: pa.Table, truth: _Truth, now: datetime
) -> dict[str, pa.Array]:
    bits = np.zeros(frame.num_rows, dtype=np.int64)
    chosen = np.full(frame.num_rows, -1, dtype=np.int32)
    there = _has_slot(slot.name, compiled, frame)
    for index, block in enumerate(slot.blocks):
        rows = there & eligible(block, compiled, frame, truth.of(slot.name, block), now)
        bits |= rows.astype(np.int64) << index
        chosen[rows & (chosen < 0)] = index
    for index, block in enumerate(slot.blocks):
        truth.lists.show(chosen == index, compiled.block_lists.get(block.name, ()))
    words = pa.array([block.name for block in slot.blocks], pa.string())
    indices = pa.array(chosen, mask=chosen < 0)
    return {
        f"slot:{slot.name}": pa.DictionaryArray.from_arrays(indices, words),
        f"eligible:{slot.name}": pa.array(bits),
    }


def edition_rows(compiled: CompiledCampaign, frame: pa.Table) -> Iterator[tuple[CompiledCampaign, Mask]]:
    """Each edition and the rows whose arms ask for it; rows that none asks for get the campaign itself."""
    rest = np.ones(frame.num_rows, dtype=bool)
    for arms, edition in compiled.editions.items():
        rows = np.ones(frame.num_rows, dtype=bool)
        for name, arm in zip(compiled.varied, arms, strict=True):
            rows &= _in_arm(frame, name, arm)
        rest &= ~rows
        yield edition, rows
    yield compiled, rest


def edition_names(compiled: CompiledCampaign, frame: pa.Table) -> pa.Array | None:
    """The name of each row's edition; None where there are no editions."""
    if not compiled.editions:
        return None
    places = np.zeros(frame.num_rows, dtype=np.int32)
    names: list[str] = []
    for edition, rows in edition_rows(compiled, frame):
        places[rows] = len(names)
        names.append(edition.edition_name)
    return pa.array(names, pa.string()).take(pa.array(places))


def _has_slot(slot: str, compiled: CompiledCampaign, frame: pa.Table) -> Mask:
    """The rows whose template has the slot."""
    if all(slot in edition.compiled_slots for edition in (compiled, *compiled.editions.values())):
        return np.ones(frame.num_rows, dtype=bool)
    there = np.zeros(frame.num_rows, dtype=bool)
    for edition, rows in edition_rows(compiled, frame):
        there[rows] = slot in edition.compiled_slots
    return there


def _in_arm(frame: pa.Table, experiment: str, arm: str | None) -> Mask:
    """The rows that are shown this arm; None: those that are shown none."""
    name = f"experiment:{experiment}"
    if name not in frame.column_names:
        return np.full(frame.num_rows, arm is None)
    column = frame[name].cast(pa.string())
    found = pc.is_null(column) if arm is None else pc.fill_null(pc.equal(column, arm), False)
    return np.asarray(found.to_numpy()).astype(bool)


def _in_locale(block: CompiledBlock, compiled: CompiledCampaign, frame: pa.Table) -> Mask:
    """Whether the language of the mail is one of the block's, or a region of one."""
    wanted = {name.replace("-", "_") for name in block.spec.locale}
    default = compiled.settings.locale
    if compiled.spec.locale or "locale" not in frame.column_names:
        fits = bool(wanted & set(locale_chain(compiled.spec.locale or default)))
        return np.full(frame.num_rows, fits)
    column = pc.fill_null(frame["locale"], default).combine_chunks().dictionary_encode()
    fit = [bool(wanted & set(locale_chain(name))) for name in column.dictionary.to_pylist()]
    return np.array(fit, dtype=bool)[column.indices.to_numpy()] if fit else np.zeros(0, dtype=bool)


def _variants(columns: Mapping[str, pa.Array], rows: int, editions: pa.Array | None) -> dict[str, int]:
    """How many rows have each combination of blocks (and edition), the most frequent first."""
    slots = [name for name in columns if name.startswith("slot:")]
    if not slots and editions is None:
        return {"": rows} if rows else {}
    keys = {name: columns[name] for name in slots}
    if editions is not None:
        keys["edition"] = editions
    grouped = pa.table(keys).group_by(list(keys)).aggregate([([], "count_all")])
    counts: Counter[str] = Counter()
    for row in grouped.to_pylist():
        shown = {name.removeprefix("slot:"): row[name] for name in slots}
        counts[variant_id(shown, row.get("edition", ""))] += row["count_all"]
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
