"""What is known of a whole audience without rendering: who gets which block, who gets nothing, and why.

All of it is exact and columnar, so it is there in moments for a million profiles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mailwright.engine import Outline
from mailwright.model.message import SkipReason
from preview.finder import slot_column

HUES = 6
"""Colours told apart in a bar; after them they begin again."""


@dataclass(frozen=True)
class Share:
    """A part of a whole, and the number of its colour (0: grey, -1: green)."""

    name: str
    count: int
    hue: int = 0


@dataclass(frozen=True)
class SlotCoverage:
    """The blocks of a slot, in the order in which they are tried, and how many recipients get each."""

    slot: str
    blocks: tuple[Share, ...]
    empty: int
    """Recipients for whom the slot stays empty."""


@dataclass(frozen=True)
class Variant:
    """One combination of blocks, and how many recipients get it."""

    blocks: tuple[tuple[str, str | None], ...]
    """(slot, block), in the template's order."""
    count: int


@dataclass(frozen=True)
class Census:
    """The audience of a campaign, counted."""

    profiles: int
    eligible: int
    skipped: tuple[Share, ...]
    slots: tuple[SlotCoverage, ...]
    variants: tuple[Variant, ...]
    segments: tuple[Share, ...]
    """Recipients in each segment."""


def take_census(plan: Outline) -> Census:
    """Count a plan; see the module's text."""
    chosen, admitted = plan.choices.columns, plan.admission.admitted
    members = plan.segmentation.columns.filter(pa.array(admitted))
    return Census(
        profiles=len(admitted),
        eligible=int(admitted.sum()),
        skipped=_skipped(plan.admission.skipped),
        slots=tuple(_coverage(plan, chosen, slot) for slot in slot_names(plan)),
        variants=_variants(chosen, slot_names(plan)),
        segments=shares(
            {
                name.removeprefix("segment:"): pc.sum(members[name]).as_py() or 0
                for name in members.column_names
            }
        ),
    )


def slot_names(plan: Outline) -> tuple[str, ...]:
    """The slots of the campaign's template, in its order."""
    return tuple(plan.compiled.slots)


def shares(counts: Mapping[str, int]) -> tuple[Share, ...]:
    """Counts as shares with colours, the largest first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Share(name, count, _hue(place)) for place, (name, count) in enumerate(ordered))


def _skipped(reasons: Mapping[str, int]) -> tuple[Share, ...]:
    order = {reason.value: place for place, reason in enumerate(SkipReason)}
    ordered = sorted(reasons.items(), key=lambda pair: order.get(pair[0].partition(":")[0], 99))
    outside = SkipReason.NOT_IN_AUDIENCE.value  # grey: nobody meant them to get it
    return tuple(
        Share(name, count, 0 if name == outside else _hue(place + 1))
        for place, (name, count) in enumerate(ordered)
        if count
    )


def _coverage(plan: Outline, chosen: pa.Table, slot: str) -> SlotCoverage:
    counts = _counts(slot_column(chosen, slot))
    names = block_names(plan, slot)
    blocks = tuple(Share(name, counts.get(name, 0), _hue(place)) for place, name in enumerate(names))
    return SlotCoverage(slot, blocks, counts.get(None, 0))


def block_names(plan: Outline, slot: str) -> tuple[str, ...]:
    """The candidates of a slot in the order in which they are tried."""
    return tuple(getattr(block, "name", block) for block in plan.compiled.slots[slot])


def _counts(column: pa.ChunkedArray) -> dict[str | None, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()}


def _variants(chosen: pa.Table, slots: Iterable[str]) -> tuple[Variant, ...]:
    names = list(slots)
    if not names or not chosen.num_rows:
        return ()
    blocks = pa.table({slot: chosen[f"slot:{slot}"] for slot in names})
    grouped = blocks.group_by(names).aggregate([([], "count_all")]).to_pylist()
    counts: Counter[tuple[tuple[str, str | None], ...]] = Counter()
    for row in grouped:
        counts[tuple((slot, row[slot]) for slot in names)] += row["count_all"]
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return tuple(Variant(blocks, count) for blocks, count in ordered)


def _hue(place: int) -> int:
    return place % HUES + 1
