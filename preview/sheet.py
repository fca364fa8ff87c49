"""The contact sheet: the fewest real profiles that together show every block that anybody gets.

Greedy set cover over the variants: each step takes the variant that shows most of what is not shown yet,
and of those the one with most recipients. The greedy choice is at most 1 + ln(n) times the smallest set
(Chvátal 1979); for the handful of slots of a mail it is the smallest or next to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from mailwright.engine import Plan
from preview.census import Census, Variant
from preview.finder import slot_column


@dataclass(frozen=True)
class Frame:
    """One proof on the sheet."""

    profile_id: str
    count: int
    """Recipients with the very same blocks, this one among them."""
    blocks: tuple[tuple[str, str | None, bool], ...]
    """(slot, block, whether it is shown here for the first time)."""


def contact_sheet(plan: Plan, census: Census) -> tuple[Frame, ...]:
    """The proofs, in the order in which they were chosen: each shows something that none before it shows."""
    unseen = {pair for variant in census.variants for pair in variant.blocks}
    left = list(census.variants)
    frames = []
    while unseen and left:
        best = max(left, key=lambda variant: (len(unseen.intersection(variant.blocks)), variant.count))
        left.remove(best)
        frames.append(
            Frame(
                _someone(plan, best),
                best.count,
                tuple((slot, block, (slot, block) in unseen) for slot, block in best.blocks),
            )
        )
        unseen.difference_update(best.blocks)
    return tuple(frames)


def _someone(plan: Plan, variant: Variant) -> str:
    """The first recipient with these blocks."""
    chosen = plan.choices.columns
    mask = np.ones(chosen.num_rows, dtype=bool)
    for slot, block in variant.blocks:
        column = slot_column(chosen, slot)
        hit = pc.is_null(column) if block is None else pc.fill_null(pc.equal(column, block), False)
        mask &= hit.to_numpy().astype(bool)
    row = np.flatnonzero(plan.admission.admitted)[np.argmax(mask)]
    return str(plan.everyone["profile_id"][int(row)])
