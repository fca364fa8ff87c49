"""The contact sheet: the fewest real profiles that together show every block and fallback that anybody gets.

Greedy set cover over the variants: each step takes the variant that shows most of what is not shown yet,
and of those the one with most recipients. The greedy choice is at most 1 + ln(n) times the smallest set
(Chvátal 1979); for the handful of slots of a mail it is the smallest or next to it. Fallbacks inside blocks
are known only when everybody has been rendered; then those that no proof of a block shows are added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import orjson
import pyarrow.compute as pc

from mailwright.engine import Plan
from mailwright.run import gaps_of
from preview.census import Census, Variant, slot_names
from preview.finder import slot_column
from preview.fullpass import Gap
from preview.mail import make_mail


@dataclass(frozen=True)
class Frame:
    """One proof on the sheet."""

    profile_id: str
    count: int
    """Recipients with the very same blocks, this one among them."""
    blocks: tuple[tuple[str, str | None, bool], ...]
    """(slot, block, whether it is shown here for the first time)."""
    gaps: tuple[tuple[str, bool], ...] = ()
    """(expression that is missing and shows its fallback, whether for the first time)."""


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


def with_gaps(plan: Plan, frames: Iterable[Frame], gaps: Iterable[Gap]) -> tuple[Frame, ...]:
    """The proofs with the fallbacks that each shows inside its blocks, and proofs of those not shown yet."""
    left, seen, proofs = list(gaps), set[str](), []
    for frame in frames:
        shown = gaps_of(orjson.loads(make_mail(plan, frame.profile_id).made["trace"]))
        proofs.append(replace(frame, gaps=_first(shown, seen)))
        seen.update(shown)
    while left:
        best = max(left, key=lambda gap: (len(set(gap.expressions) - seen), gap.mails))
        if not set(best.expressions) - seen:
            break
        row = make_mail(plan, best.profile_id).values
        blocks = tuple((slot, row[f"slot:{slot}"], False) for slot in slot_names(plan))
        proofs.append(Frame(best.profile_id, best.mails, blocks, _first(best.expressions, seen)))
        seen.update(best.expressions)
    return tuple(proofs)


def _first(expressions: Iterable[str], seen: set[str]) -> tuple[tuple[str, bool], ...]:
    return tuple((expression, expression not in seen) for expression in expressions)


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
