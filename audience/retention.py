"""Leaving out what is older than the workspace keeps it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import TIMESTAMP
from audience.order import decoded
from audience.report import AudienceReport
from mailwright.model.audience import RetentionSpec


def expire(
    profiles: pa.Table, interactions: pa.Table, spec: RetentionSpec, report: AudienceReport, *, now: datetime
) -> tuple[pa.Table, pa.Table]:
    """Profiles and interactions that may still be used at ``now``; the report notes how many may not.

    A profile that never did anything and has no registration date cannot be too old, and stays.
    """
    if spec.inactive_profiles_days is not None:
        interactions = decoded(interactions)
        limit = pa.scalar(now - timedelta(days=spec.inactive_profiles_days), TIMESTAMP)
        last = interactions.group_by("profile_id").aggregate([("at", "max")])
        places = pc.index_in(
            profiles.column("profile_id"), value_set=last.column("profile_id").combine_chunks()
        )
        seen = last.column("at_max").combine_chunks().take(places.combine_chunks())
        if spec.registered is not None:
            seen = _later(seen, profiles.column(spec.registered).combine_chunks())
        old = pc.less(seen, limit).fill_null(False)
        if expired := pc.sum(old).as_py():
            report.notes.append(
                f"{expired} profiles inactive for more than {spec.inactive_profiles_days} days left out"
            )
            profiles = profiles.filter(pc.invert(old))
            known = profiles.column("profile_id").combine_chunks()
            interactions = interactions.filter(pc.is_in(interactions.column("profile_id"), value_set=known))
    if spec.interactions_days is not None:
        limit = pa.scalar(now - timedelta(days=spec.interactions_days), TIMESTAMP)
        young = pc.greater_equal(interactions.column("at"), limit)
        if expired := interactions.num_rows - (pc.sum(young).as_py() or 0):
            report.notes.append(f"{expired} interactions older than {spec.interactions_days} days left out")
            interactions = interactions.filter(young)
    return profiles, interactions


def _later(one: pa.Array, other: pa.Array) -> pa.Array:
    """The later of two times; a date counts from its midnight in UTC. Arrow compares them as numbers only."""
    if pa.types.is_date(other.type):
        other = other.cast(pa.timestamp("us"))
    return pc.max_element_wise(one.cast(pa.int64()), other.cast(pa.int64())).cast(TIMESTAMP)
