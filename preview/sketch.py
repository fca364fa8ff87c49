"""A quick compile for the mail that somebody is looking at: with its blocks alone, not all of the campaign's.

A template of three slots may have thirty blocks, and a mail shows three of them. Between a save and the new
picture only those are compiled, with the last resort of each slot and the blocks that were saved; the whole
campaign follows, and with it everything that counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from mailwright.engine import SHIPPED, Plan, compile_mail, render_context, run_fingerprint
from mailwright.errors import MailwrightError
from render import CompiledCampaign, Library, load_library
from render.program import Program


def sketch_plan(plan: Plan, shown: Iterable[str], saved: Iterable[str]) -> Plan:
    """``plan`` compiled again with few blocks: those ``shown`` and those whose files (as below a library's
    folder: ``blocks/hero/vip.mjml``) were ``saved``. Its choices are none of these blocks': they have to be
    made for each row. Raises what compiling raises."""
    library = load_library(SHIPPED, plan.request.workspace.root)
    small = narrowed(library, set(plan.compiled.slots), set(shown), set(saved))
    return with_compiled(plan, compile_mail(plan.request, plan.source.assets, small, draft=True))


def rehearse(plan: Plan, shown: Iterable[str]) -> None:
    """A sketch of what is shown as it is, with its code bound, so that all of it is known for the next."""
    with contextlib.suppress(MailwrightError):
        made = sketch_plan(plan, shown, ())
        Program(made.compiled, made.context)


def with_compiled(plan: Plan, compiled: CompiledCampaign) -> Plan:
    """``plan`` with its template and blocks compiled anew, over what was read, segmented and recommended."""
    audience = plan.source.audience
    mark = run_fingerprint(plan.request, compiled, audience, plan.model)
    context = render_context(plan.request, audience, mark)
    context.__dict__["catalogue"] = plan.context.catalogue
    return replace(plan, compiled=compiled, context=context, fingerprint=mark)


def has_same_choices(plan: Plan, made: Plan) -> bool:
    """Whether the blocks that were chosen for ``plan`` are those of ``made``: the same candidates in each
    slot, in the same order, by the same rules, with the same lists of items. Most saves change words only."""

    def rules(of: Plan) -> list[object]:
        lists = of.compiled.block_lists
        slots = [
            (slot.name, slot.optional, [(b.name, b.spec, lists.get(b.name)) for b in slot.blocks])
            for slot in of.compiled.all_slots.values()
        ]
        return [*slots, of.compiled.asks]

    return rules(plan) == rules(made)


def has_same_rules(plan: Plan, sketch: Plan) -> bool:
    """Whether the blocks of the sketch are chosen by the rules that chose them in the plan."""
    return all(
        block.spec == plan.compiled.block(slot.name, block.name).spec
        for slot in sketch.compiled.all_slots.values()
        for block in slot.blocks
        if block.name in plan.compiled.slots[slot.name]
    ) and all(
        set(names) <= set(plan.compiled.slots.get(slot, ())) for slot, names in sketch.compiled.slots.items()
    )


def has_blocks(plan: Plan, one: pa.Table) -> bool:
    """Whether the blocks that were chosen for a row are in the plan; a sketch has few."""
    return all(
        one[f"slot:{slot}"][0].as_py() in (None, *names) for slot, names in plan.compiled.slots.items()
    )


def sketched_rows(plan: Plan) -> pa.Table:
    """The recipients with the blocks that the plan chose, as a sketch with the same rules may read them."""
    recipients = plan.recipients
    # The candidates of a row are numbered among all blocks of a slot, of which a sketch has few.
    return recipients.select([name for name in recipients.column_names if not name.startswith("eligible:")])


def narrowed(library: Library, slots: set[str], shown: set[str], saved: set[str]) -> Library:
    """The library with few blocks in each of the slots; every slot keeps the block that needs nothing."""
    kept = {}
    for name, block in library.blocks.items():
        slot = block.spec.slot or ""
        last = library.candidates(slot)[-1].name == name
        if last or slot not in slots or name in shown or block.source.file in saved:
            kept[name] = block
    return replace(library, blocks=kept)


def library_names(files: Iterable[Path], *roots: Path) -> set[str]:
    """Paths as the library names its files."""
    found = set()
    for path in files:
        for root in roots:
            if path.is_relative_to(root):
                found.add(path.relative_to(root).as_posix())
    return found
