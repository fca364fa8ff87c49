"""A segment: a named set of profiles that a rule describes."""

from __future__ import annotations

from pydantic import Field

from mailwright.model.spec import RuleText, Spec


class SegmentSpec(Spec):
    """One entry of ``segments.yaml``.

    A segment with fewer than ``min_size`` profiles falls back to its ``parent`` (its members count as the
    parent's only), or is reported when it has none. Of the segments of one ``group`` a profile is in at
    most one: that of the highest ``priority``.
    """

    rule: RuleText
    description: str = ""
    priority: int = 0
    parent: str | None = None
    min_size: int = Field(default=50, ge=0)
    group: str | None = None
