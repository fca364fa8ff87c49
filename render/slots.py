"""The slots of a campaign: the rules of every block compiled, and the promise that no slot stays empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from mailwright.model.workspace import WorkspaceSpec
from render.assemble import Assembly, Slot
from render.compiled import CompiledBlock, CompiledSlot
from render.formats import zone
from render.library import Block
from rules import RuleCatalog, compile_rule

MAX_CANDIDATES = 62
"""Blocks of one slot: their eligibility travels as bits of an integer."""


def compile_slots(
    assembly: Assembly, catalog: RuleCatalog, settings: WorkspaceSpec, functions: Mapping[str, str]
) -> tuple[dict[str, CompiledSlot], list[str]]:
    """The rules of every block compiled, and the promise kept that no slot can stay empty by accident."""
    slots, warnings = {}, []
    for slot in assembly.slots.values():
        blocks = [_block(block, catalog, settings, functions[block.name]) for block in slot.blocks]
        _check_end(slot, blocks)
        last = next((index for index, block in enumerate(blocks) if block.needs_nothing), len(blocks))
        for block in blocks[last + 1 :]:
            warnings.append(
                f"{block.at.file}: nobody gets the block {block.name!r}: {blocks[last].name!r} comes before"
                f" it in the slot {slot.name!r} and needs nothing\n  fix: give it a higher priority"
            )
        slots[slot.name] = CompiledSlot(slot.name, slot.optional, tuple(blocks))
    return slots, warnings


def _check_end(slot: Slot, blocks: Sequence[CompiledBlock]) -> None:
    if len(blocks) > MAX_CANDIDATES:
        what = f"the slot {slot.name!r} has {len(blocks)} blocks; {MAX_CANDIDATES} are the most"
        raise slot.tag.error(what, fix="split it into two slots")
    if slot.optional or any(block.needs_nothing for block in blocks):
        return
    names = ", ".join(block.name for block in blocks)
    raise slot.tag.error(
        f"the slot {slot.name!r} can stay empty: each of its blocks needs something ({names})",
        fix=f'write a block without when, needs, dates and locale, or {{% slot "{slot.name}" optional %}}',
    )


def _block(block: Block, catalog: RuleCatalog, settings: WorkspaceSpec, function: str) -> CompiledBlock:
    spec = block.spec
    always = spec.when.strip().upper() in ("TRUE", "")
    needs = []
    for index, text in enumerate(spec.needs):
        attribute = catalog.attributes.get(text.strip())
        if attribute is not None and attribute.type != "boolean":
            text = f"{text.strip()} IS NOT NULL"
        needs.append(compile_rule(text, catalog, at=block.places.at("needs", index)))
    return CompiledBlock(
        name=block.name,
        spec=spec,
        at=block.source.at(block.source.start),
        when=None if always else compile_rule(spec.when, catalog, at=block.places.at("when")),
        needs=tuple(needs),
        starts=_instant(spec.starts, settings, end=False),
        ends=_instant(spec.ends, settings, end=True),
        function=function,
    )


def _instant(moment: datetime | date | None, settings: WorkspaceSpec, *, end: bool) -> datetime | None:
    """A date is that whole day in the workspace's time zone; an instant without zone is in it too."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment + timedelta(days=int(end)), time(), zone(settings.timezone))
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(settings.timezone))
    return moment.astimezone(UTC)
