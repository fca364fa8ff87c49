"""Slots filled while a mail is written: the chosen block, or the next one when it cannot be made.

A mail is first written as if nothing failed, each slot straight by the function of its chosen block. Only
when something does fail is it written again with care: what a failed block wrote is taken back, its reason is
kept, and the next block that the row may get is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from render.compiled import CompiledBlock, CompiledSlot
from render.mail import FAILURES, Mail, NoBlockError
from render.rows import Row

Write = Callable[[Row, list[Any], list[Any], list[int], list[int]], Any]
"""Generated code of a template or a block: appends to ``out`` what the row gets. The others are the fallbacks
used, the rounds of loops that are left, and the arms of ``if`` that were taken."""
Around = Callable[[str, str, Write], Write] | None
"""Slot, block and its function → what writes the block instead."""
Show = Mapping[str, Mapping[str | None, Write]]
"""Slot → block → what writes it; generated code asks for the block that the row was given."""


class Filling:
    """The slots of a campaign, and the functions of their blocks."""

    def __init__(self, slots: Mapping[str, CompiledSlot], explained: Callable[[BaseException], str]) -> None:
        self._slots, self._explained = slots, explained
        self.straight: dict[str, dict[str | None, Write]] = {
            name: {None: self._filler(slot)} for name, slot in slots.items()
        }
        """For HTML, as if nothing failed; a row without a block in a slot may still fall back to one."""
        self.careful: Show = {name: _Any(fills[None]) for name, fills in self.straight.items()}
        """For HTML, when something did."""
        self.text: dict[str, dict[str | None, Write]] = {name: {None: _nothing} for name in slots}
        """For the text part, which shows the blocks that the HTML part ended up with."""

    def bind(
        self, show: Mapping[str, dict[str | None, Write]], names: Mapping[str, Write], around: Around = None
    ) -> None:
        """Take the functions of all blocks from generated code, each with ``around`` put around it."""
        for slot in self._slots.values():
            for block in slot.blocks:
                write = names[block.function]
                show[slot.name][block.name] = around(slot.name, block.name, write) if around else write

    def _filler(self, slot: CompiledSlot) -> Write:
        """What writes the best block of a slot that can be made; one that fails leaves only its reason."""

        def fill(row: Row, out: list[Any], uses: list[Any], left: list[int], arms: list[int]) -> None:
            mail: Mail = row["@mail"]
            for block in candidates(slot, row):
                before = len(out), len(uses), len(arms)
                try:
                    self.straight[slot.name][block.name](row, out, uses, left, arms)
                except FAILURES as error:
                    del out[before[0] :], uses[before[1] :], arms[before[2] :]
                    mail.failed.append((slot.name, block.name, self._explained(error)))
                else:
                    mail.slots[slot.name] = block.name
                    return
            mail.slots[slot.name] = None
            if not slot.optional:
                raise NoBlockError(f"the slot {slot.name!r} has no block left")

        return fill


def candidates(slot: CompiledSlot, row: Row) -> list[CompiledBlock]:
    """The block that was chosen for this row, then those that it falls back to, best first."""
    chosen, mask = row[f"slot:{slot.name}"], row.get(f"eligible:{slot.name}")
    first = [block for block in slot.blocks if block.name == chosen]
    if mask is not None:
        rest = [block for index, block in enumerate(slot.blocks) if mask >> index & 1]
    else:
        after = slot.blocks.index(first[0]) if first else len(slot.blocks)
        rest = [block for block in slot.blocks[after:] if block.needs_nothing]
    return [*first, *(block for block in rest if block not in first)]


class _Any(dict[str | None, Write]):
    """One function for every block of a slot."""

    def __init__(self, fill: Write) -> None:
        super().__init__()
        self._fill = fill

    def __missing__(self, block: str | None) -> Write:
        return self._fill


def _nothing(row: Row, out: list[Any], uses: list[Any], left: list[int], arms: list[int]) -> None:
    """The text of a slot that stayed empty."""
