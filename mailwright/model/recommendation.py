"""A recommendation: one item for one profile, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Which tier of the chain an item came from, from the most personal to the least."""

    COLLABORATIVE = "collaborative"
    CONTENT = "content"
    COHORT = "cohort"
    POPULAR = "popular"
    EDITORIAL = "editorial"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommended item. ``score`` orders items of one source; across sources it has no meaning."""

    item_id: str
    source: str
    score: float
    reason: str
    """For the reader of the trace, and fit for the reader of the mail: "because you bought Wool cap"."""
