"""Why one profile gets the mail that it gets, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mailwright.catalog import segment_catalog
from mailwright.engine import Plan
from mailwright.errors import UsageError, did_you_mean
from mailwright.model.trace import Outcome, Trace
from render import choose_blocks, explain_row
from rules import EventView, RuleContext, compile_rule, event_views


def row_of(plan: Plan, profile_id: str) -> int:
    """The row of a profile in ``plan.everyone``; raises UsageError with the nearest id."""
    found = pc.index(plan.everyone["profile_id"], profile_id).as_py()
    if found < 0:
        known = plan.everyone["profile_id"].to_pylist()
        raise UsageError(f"there is no profile {profile_id!r}", fix=did_you_mean(profile_id, known))
    return int(found)


def with_blocks(plan: Plan, row: int) -> pa.Table:
    """The one-row frame of a profile with its blocks chosen, whether it is a recipient or not."""
    one = plan.everyone.slice(row, 1)
    choices = choose_blocks(
        plan.compiled, one, now=plan.request.now, interactions=plan.source.audience.interactions
    )
    for name in choices.columns.column_names:
        one = one.append_column(name, choices.columns[name])
    return one


def explain_profile(plan: Plan, profile_id: str) -> Trace:
    """The full trace of one profile; for one that gets no mail, of the mail that it would have got."""
    row = row_of(plan, profile_id)
    values = with_blocks(plan, row).to_pylist()[0]
    trace = explain_row(plan.compiled, plan.context, values)
    trace = replace(trace, audience=explain_audience(plan, values), segments=segments_of(values))
    reason = str(plan.admission.reasons[row])
    return replace(trace, skip=reason) if reason else trace


def segments_of(values: dict[str, Any]) -> tuple[str, ...]:
    """The names of the segments that a row is in."""
    return tuple(
        name.removeprefix("segment:")
        for name, member in values.items()
        if name.startswith("segment:") and member
    )


def explain_audience(plan: Plan, values: dict[str, Any]) -> Outcome:
    """How the campaign's audience rule came out for one row."""
    request = plan.request
    rule = compile_rule(
        request.spec.audience, segment_catalog(request.workspace), at=request.file.at("audience")
    )
    profile_id = values["profile_id"]
    events = event_views(plan.source.audience.interactions, [profile_id]).get(profile_id, EventView())
    context = RuleContext(now=request.now, segments=frozenset(segments_of(values)), events=events)
    return rule.explain(values, context)
