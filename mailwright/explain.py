"""Why one profile gets the mail that it gets, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mailwright.engine import Plan, beside, render_plan
from mailwright.errors import UsageError, did_you_mean
from mailwright.model.trace import Trace
from render import choose_blocks, explain_row
from rules import RuleContext

NEAR = 1_000
"""Ids that are compared to find what an unknown one may have been meant for."""


def row_of(plan: Plan, profile_id: str) -> int:
    """The row of a profile in ``plan.everyone``; raises UsageError with an id like it."""
    return row_among(plan.everyone["profile_id"], profile_id)


def row_among(profile_ids: pa.ChunkedArray, profile_id: str) -> int:
    """The row of a profile among these ids; raises UsageError with an id like it."""
    found = pc.index(profile_ids, profile_id).as_py()
    if found < 0:
        fix = did_you_mean(profile_id, beginning_alike(profile_ids, profile_id))
        raise UsageError(f"there is no profile {profile_id!r}", fix=fix)
    return int(found)


def beginning_alike(profile_ids: pa.ChunkedArray, wanted: str) -> list[str]:
    """Of many ids those that begin most like the wanted one: comparing with a million takes minutes."""
    left = profile_ids
    for length in range(1, len(wanted) + 1):
        closer = left.filter(pc.starts_with(left, wanted[:length]))
        if len(left) <= NEAR or not len(closer):
            break
        left = closer
    return [str(one) for one in left.slice(0, NEAR).to_pylist()]


def with_blocks(plan: Plan, row: int) -> pa.Table:
    """The one-row frame of a profile with its blocks chosen, whether it is a recipient or not."""
    one = plan.everyone.slice(row, 1)
    interactions = plan.source.audience.interactions
    choices = choose_blocks(plan.compiled, one, now=plan.request.now, interactions=interactions)
    return beside(one, choices.columns)


def explain_profile(plan: Plan, profile_id: str) -> Trace:
    """The full trace of one profile; for one that gets no mail, of the mail that it would have got."""
    row = row_of(plan, profile_id)
    trace = explain_values(plan, with_blocks(plan, row).to_pylist()[0])
    reason = str(plan.admission.reasons[row])
    return replace(trace, skip=reason) if reason else trace


def explain_values(plan: Plan, values: Mapping[str, Any]) -> Trace:
    """The full trace of one row whose blocks are chosen, as ``Table.to_pylist()`` gives it."""
    trace = explain_row(plan.compiled, plan.context, values)
    context = RuleContext(
        now=plan.request.now,
        segments=frozenset(trace.segments),
        events=plan.events(values["profile_id"]),
    )
    return replace(trace, audience=plan.audience_rule.explain(values, context))


def explained_mails(
    plan: Plan, recipients: pa.Table, **options: Any
) -> Iterator[tuple[dict[str, Any], Trace]]:
    """Each row of render's output beside its full trace; ``options`` are those of ``render_plan``."""
    done = 0
    for batch in render_plan(plan, recipients, **options):
        values = recipients.slice(done, batch.num_rows).to_pylist()
        done += batch.num_rows
        for row, one in zip(batch.to_pylist(), values, strict=True):
            yield row, explain_values(plan, one)
