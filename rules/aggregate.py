"""Aggregates over one profile's events, as closures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rules.context import Closure, RuleContext
from rules.interval import Interval
from rules.kind import INTEGER
from rules.tree import Events, Node

MICRO = 1_000_000
"""Numbers are summed as whole millionths: a sum of doubles would depend on the order of the events, and a
rule near its threshold would change its mind between two runs."""

_MIN, _MAX = -(2**63), 2**63 - 1


def compile_events(node: Events, compile_closure: Callable[[Node], Closure]) -> Closure:
    """The function that computes an aggregate over the context's events."""
    name, begin = node.event, _begin(node.window)
    where = None if node.where is None else compile_closure(node.where)

    def found(context: RuleContext) -> Sequence[Mapping[str, Any]]:
        events = context.events.within(name, begin(context.now), context.now)
        return events if where is None else [event for event in events if where(event, context)]

    if node.how == "count" and where is None:
        return lambda _profile, context: context.events.count(name, begin(context.now), context.now)
    if node.how == "count":
        return lambda _profile, context: len(found(context))
    if node.how == "last":
        return lambda _profile, context: (found(context) or _NOTHING)[-1].get("at")
    assert node.field is not None
    value, total = compile_closure(node.field), _whole if node.field.kind == INTEGER else _millionths
    return lambda _profile, context: total([value(event, context) for event in found(context)])


def _begin(window: Interval | None) -> Callable[[datetime], datetime | None]:
    """Where the window begins; the answer for the last clock is kept, as a run has only one."""
    if window is None:
        return lambda _now: None
    back = -window
    kept: list[tuple[datetime, datetime | None]] = [(_NEVER, None)]

    def begin(now: datetime) -> datetime | None:
        clock, instant = kept[0]
        if clock is not now:
            instant = back.shift(now)
            kept[0] = (now, instant)
        return instant

    return begin


_NEVER = datetime.min.replace(tzinfo=UTC)
_NOTHING: list[Mapping[str, Any]] = [{}]


def _whole(values: list[int | None]) -> int | None:
    total = sum(value for value in values if value is not None)
    return total if _MIN <= total <= _MAX else None


def _millionths(values: list[float | None]) -> float | None:
    total = 0
    for value in values:
        if value is not None and -_LIMIT <= value * MICRO < _LIMIT:
            total += round(value * MICRO)
    return float(total) / MICRO if _MIN <= total <= _MAX else None


_LIMIT = 2.0**63
