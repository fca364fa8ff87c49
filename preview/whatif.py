"""What if: one profile with other attributes, events or another clock, through the same stages again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from audience import FEATURES, add_features, arrow_schema
from mailwright.catalog import profile_schema, segment_catalog
from mailwright.engine import Plan, beside, shown_before
from mailwright.errors import UsageError, did_you_mean
from mailwright.experiments import ARMS
from mailwright.explain import row_of
from mailwright.model.schema import Schema
from mailwright.models import tuned_spec
from preview.changes import Changes
from preview.ground import Ground
from preview.mail import Mail, render_row
from preview.typed import parse_value
from recommend import recommend_items
from recommend.asking import asked_columns, recommend_asked
from render import choose_blocks
from rules import EventView, RuleContext, compile_rule
from segments import segments_of


def imagine(plan: Plan, ground: Ground, profile_id: str, changes: Changes, *, mask: bool = False) -> Mail:
    """The mail that the profile would get. Raises UsageError for a profile that there is not."""
    row = row_of(plan, profile_id)
    if changes.now is not None:
        plan = _at(plan, changes.now)
    audience = ground.source.audience
    mine, everything = _interactions(audience.interactions, profile_id, changes, plan.request.now)
    one = _profile(plan, ground, row, mine, changes)
    plan = _with_events(plan, profile_id, mine)
    events = EventView(mine.to_pylist())
    values = one.to_pylist()[0]
    here = RuleContext(now=plan.request.now, events=events)
    segments = segments_of(
        ground.workspace.segments,
        ground.segment_rules,
        values,
        here,
        fallen_back=ground.segmentation.fallen_back,
    )
    names = [name for name in plan.everyone.column_names if name.startswith("segment:")]
    member = pa.table({name: [name.removeprefix("segment:") in segments] for name in names})
    arms = _arms(plan, row, changes)
    one = beside(one, _recommended(plan, ground, row, one, member, everything, changes, arms))
    one = beside(beside(one, member), arms)
    choices = choose_blocks(plan.compiled, one, now=plan.request.now, interactions=mine)
    outside = _outside(plan, row, one.to_pylist()[0], segments, events)
    return render_row(plan, beside(one, choices.columns), outside, mask=mask)


def _at(plan: Plan, now: datetime) -> Plan:
    context = replace(plan.context, now=now, programs={})
    return replace(plan, request=replace(plan.request, now=now), context=context)


def _with_events(plan: Plan, profile_id: str, mine: pa.Table) -> Plan:
    """The plan whose traces know what is taken to have happened."""
    real = plan.context.events
    view = EventView(mine.to_pylist())

    def events(asked: str) -> EventView:
        return view if asked == profile_id or real is None else real(asked)

    return replace(plan, context=replace(plan.context, events=events, programs={}))


def _interactions(
    real: pa.Table, profile_id: str, changes: Changes, now: datetime
) -> tuple[pa.Table, pa.Table]:
    """What this profile did, the imagined with the real, and what everybody did."""
    others = pa.compute.not_equal(real["profile_id"], profile_id)
    mine = real.filter(pa.compute.invert(others))
    if not changes.events and not changes.forget:
        return mine, real
    added = [
        {
            "profile_id": profile_id,
            "item_id": happened.item_id,
            "event": happened.event,
            "at": now - happened.ago,
            "quantity": 1,
        }
        for happened in changes.events
    ]
    kept = mine.slice(0, 0) if changes.forget else mine
    mine = pa.concat_tables([kept, pa.Table.from_pylist(added, real.schema)]).sort_by("at")
    everything = pa.concat_tables([real.filter(others), mine])
    return mine, everything.sort_by([("profile_id", "ascending"), ("at", "ascending")])


def _profile(plan: Plan, ground: Ground, row: int, mine: pa.Table, changes: Changes) -> pa.Table:
    """The profile's row: attributes as changed, features of what happened, then those set by hand."""
    audience = ground.source.audience
    one = audience.profiles.slice(row, 1)
    schema = profile_schema(ground.workspace.spec)
    learned = ground.source.learned
    told = changes.attributes
    one = _set(one, {n: t for n, t in told.items() if n not in FEATURES and n not in learned.names}, schema)
    if changes.events or changes.forget or changes.now or "timezone" in told:
        one = add_features(one, mine, audience.items, now=plan.request.now, cuts=audience.cuts)
    one = _set(one, {n: t for n, t in told.items() if n in FEATURES}, schema)
    if changes:
        one, _ = learned.beside(one, now=plan.request.now)
    return _set(one, {n: t for n, t in told.items() if n in learned.names}, schema)


def _set(one: pa.Table, texts: Mapping[str, str], schema: Schema) -> pa.Table:
    types = arrow_schema(schema)
    for name, text in texts.items():
        value = parse_value(text, schema[name], name)
        if value is None:
            value = schema[name].default
        column = pa.array([value], types.field(name).type)
        one = one.set_column(one.column_names.index(name), types.field(name), column)
    return one


def _arms(plan: Plan, row: int, changes: Changes) -> pa.Table:
    """The profile's arms, those that are asked for in place of its own. Raises UsageError for none."""
    names = [name for name in plan.everyone.column_names if name == ARMS or name.startswith("experiment:")]
    arms = plan.everyone.slice(row, 1).select(names)
    for name, arm in changes.arms.items():
        spec = plan.compiled.experiments.get(name)
        if spec is None:
            fix = did_you_mean(name, plan.compiled.experiments)
            raise UsageError(f"there is no experiment {name!r}", fix=fix)
        if arm not in spec.arms:
            raise UsageError(f"the experiment {name!r} has no arm {arm!r}", fix=did_you_mean(arm, spec.arms))
        place = arms.column_names.index(f"experiment:{name}")
        arms = arms.set_column(place, f"experiment:{name}", pa.array([arm], pa.string()))
    return arms


def _strategy(plan: Plan, arms: pa.Table) -> str:
    """By which strategy a row of these arms is recommended its items."""
    found = plan.request.spec.recommendations.strategy
    for name, spec in plan.compiled.experiments.items():
        arm = arms[f"experiment:{name}"][0].as_py()
        found = (spec.arms[arm].strategy if arm is not None else None) or found
    return found


def _recommended(
    plan: Plan,
    ground: Ground,
    row: int,
    one: pa.Table,
    member: pa.Table,
    everything: pa.Table,
    changes: Changes,
    arms: pa.Table,
) -> pa.Table:
    """The recommendations: those of the plan, or made anew where what they depend on has changed."""
    before = plan.everyone.slice(row, 1)
    compiled = plan.compiled
    lists = [column for ask in compiled.asks for column in (ask.column, ask.note)]
    names = ["recommendations", "recommendation_note", *lists]
    same_segments = all(member[name].equals(before[name]) for name in member.column_names)
    strategy = _strategy(plan, arms)
    same_way = strategy == _strategy(plan, _arms(plan, row, Changes()))
    asked_about = {ask.to.split(".")[0] for ask in compiled.asks}
    happened = changes.events or changes.forget or changes.now or asked_about & set(changes.attributes)
    if same_segments and same_way and not happened:
        return before.select(names)
    audience = ground.source.audience
    inputs = (
        plan.model,
        _replaced(audience.profiles, row, one),
        everything,
        audience.items,
        tuned_spec(plan.request.workspace.spec.recommend, plan.model),
    )
    now, segments = plan.request.now, _replaced(ground.segmentation.columns, row, member)
    spec, spare = plan.request.spec.recommendations, compiled.spare
    shown = shown_before(plan.request, audience)
    found = recommend_items(
        *inputs,
        n=spec.n,
        now=now,
        segments=segments,
        only=[row],
        strategy=strategy,
        spare=spare,
        last_shown=shown,
    )
    asked = recommend_asked(
        *inputs, compiled.asks, now=now, segments=segments, only=[row], spare=spare, last_shown=shown
    )
    columns = {names[0]: found.column(), names[1]: pa.array([found.note(0)], pa.string())}
    return beside(pa.table(columns), asked_columns(asked, 1))


def _replaced(table: pa.Table, row: int, one: pa.Table) -> pa.Table:
    one = one.select(table.column_names).cast(table.schema)
    return pa.concat_tables([table.slice(0, row), one, table.slice(row + 1)])


def _outside(
    plan: Plan, row: int, values: Mapping[str, Any], segments: frozenset[str], events: EventView
) -> str:
    """Why the changed profile is no recipient. What only a comparison with others can say stays as it is."""
    request = plan.request
    rule = compile_rule(
        request.spec.audience, segment_catalog(request.workspace), at=request.file.at("audience")
    )
    if not rule.holds(values, RuleContext(now=request.now, segments=segments, events=events)):
        return "not_in_audience"
    if values.get("email") is None:
        return "no_address"
    if values.get("unsubscribed"):
        return "unsubscribed"
    purpose = request.spec.purpose
    if purpose is not None and purpose not in (values.get("consent") or ()):
        return "no_consent"
    before = str(plan.admission.reasons[row])
    lasting = ("invalid_address", "duplicate_address", "suppressed", "holdout", "capped")
    return before if before in lasting else ""
