"""Why a trigger begins nothing for a profile now, or would send it nothing.

What was decided where nothing began is counted, not kept (docs/triggers.md). So it is said of the present:
what is known of the profile at this moment is held against the trigger once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules import Rule, RuleContext
from triggers.caps import first_reached
from triggers.decide import last_seen
from triggers.occasions import occasion_of
from triggers.people import People
from triggers.profile import LiveProfile
from triggers.program import Trigger
from triggers.runs import ASLEEP, Journal, Run


@dataclass(frozen=True)
class Lack:
    """One thing that stands in the way. ``reason`` is that of a decision (docs/triggers.md), or of what
    begins: ``no_event``, ``not_now``, ``no_date``."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Standing:
    """What is known of one profile and one trigger: its runs of it, newest first, and its mails of all, as
    (trigger, Unix seconds)."""

    profile: LiveProfile
    runs: Sequence[Run]
    mails: Sequence[tuple[str, float]]
    context: RuleContext
    refused: Mapping[str, str]
    """Campaign → why it would not be sent to the profile; those that would be are left out."""


def lacks(trigger: Trigger, one: Standing, people: People) -> Iterator[Lack]:
    """What speaks against a beginning now, and against a mail after it; nothing: nothing does."""
    origin = None
    if trigger.start.event is not None:
        origin, lack = _event(trigger, one)
        yield from [lack] if lack else []
    else:
        yield from _start(trigger, one, people)
    outcome = trigger.when.explain(one.profile, one.context)
    if not outcome.holds:
        unknown = f"cannot be known: {', '.join(outcome.missing)} is missing"
        yield Lack("when", f"{outcome.decided_by} {unknown if outcome.missing else 'does not hold'}")
    if origin is not None:
        yield from _since(trigger, one, origin)
    yield from _runs(trigger, one, origin)
    if (capped := first_reached(trigger, one.mails, one.context.now)) is not None:
        yield Lack("capped", f"had {capped[0]}, free at {capped[1].isoformat()}")
    for campaign, reason in one.refused.items():
        yield Lack(reason, f"campaign {campaign}")


# ── what begins it ──


def _event(trigger: Trigger, one: Standing) -> tuple[Mapping[str, Any] | None, Lack | None]:
    """The last event that could have begun it, or why there is none."""
    name, rows = trigger.start.event, one.profile.rows
    some = [row for row in reversed(rows) if row["event"] == name and row["at"] <= one.context.now]
    if not some:
        among = f"among the {len(rows):,} events that are looked at" if rows else "nor any other event"
        return None, Lack("no_event", f"no {name} {among}")
    where = trigger.where
    if where is None:
        return some[0], None
    match = next((row for row in some if where.holds(row, one.context)), None)
    if match is not None:
        return match, None
    told = _why(where, some[0], one.context)
    return None, Lack("where", f"of none of {len(some):,} {name}; of the last, at {_at(some[0])}: {told}")


def _start(trigger: Trigger, one: Standing, people: People) -> Iterator[Lack]:
    start, profile = trigger.start, one.profile
    segment = start.segment_entered or start.segment_left
    if segment is not None:
        inside = segment in people.segments_now(profile, one.context.now)
        comes = "enters" if start.segment_entered else "leaves"
        rule = people.world.segment_rules[segment]
        said = f"it {'is' if inside else 'is not'} in {segment} ({_why(rule, profile, one.context)})"
        yield Lack("not_now", f"{said}, and a run begins when it {comes} it")
    elif start.date is not None and profile.get(start.date) is None:
        yield Lack("no_date", f"{start.date} is missing")
    elif start.inactivity is not None and not any(run.place == ASLEEP for run in one.runs):
        seen = last_seen(profile)
        told = "nothing is known of it" if seen is None else f"its last event was at {seen.isoformat()}"
        yield Lack("no_event", f"no silence is waited for: {told}, and only what came in here counts")


# ── what speaks against it ──


def _since(trigger: Trigger, one: Standing, origin: Mapping[str, Any]) -> Iterator[Lack]:
    for name in trigger.spec.unless:
        if one.profile.view.count(name, origin["at"], one.context.now):
            yield Lack("unless", f"{name} came after {trigger.start.event} at {_at(origin)}")


def _runs(trigger: Trigger, one: Standing, origin: Mapping[str, Any] | None) -> Iterator[Lack]:
    runs = [run for run in one.runs if run.place != ASLEEP]
    waiting = next((run for run in runs if run.state == "waiting"), None)
    if waiting is not None and (trigger.spec.again == "keep" or waiting.place != 0):
        until = waiting.due_at.isoformat()
        yield Lack("under_way", f"a run began at {_at(waiting.event)} and waits until {until}")
    had, per = [run for run in runs if run is not waiting and not run.came_to_nothing], trigger.spec.once_per
    if per is None:
        return
    if trigger.once_every is not None:
        last = max((run.started_at for run in had), default=None)
        free = None if last is None else trigger.once_every.shift(last)
        if last is not None and free is not None and free > one.context.now:
            told = f"the last began at {last.isoformat()}, free at {free.isoformat()}"
            yield Lack("once_per", f"once per {per}: {told}")
    elif origin is not None or not per.startswith("event."):
        occasion = occasion_of(trigger, one.profile, origin or {}, "")
        before = next((run for run in had if run.occasion == occasion), None)
        if occasion is None:
            yield Lack("no_occasion", f"{per} is missing")
        elif before is not None:
            told = f"of {occasion} there was a run at {before.started_at.isoformat()}"
            yield Lack("once_per", f"once per {per}: {told}")


def _why(rule: Rule, values: Mapping[str, Any], context: RuleContext) -> str:
    return Journal([]).why(rule, values, context)


def _at(row: Mapping[str, Any]) -> str:
    at = row.get("at")
    return at.isoformat() if isinstance(at, datetime) else str(at)
