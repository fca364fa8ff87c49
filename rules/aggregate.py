"""Aggregates over one profile's events, as closures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from rules.context import RuleContext
from rules.kind import INTEGER
from rules.tree import Events, Node

Closure = Callable[[Mapping[str, Any], RuleContext], Any]

MICRO = 1_000_000
"""Numbers are summed as whole millionths: a sum of doubles would depend on the order of the events, and a
rule near its threshold would change its mind between two runs."""

_MIN, _MAX = -(2**63), 2**63 - 1


def compile_events(node: Events, compile_closure: Callable[[Node], Closure]) -> Closure:
    """The function that computes an aggregate over the context's events."""
    name, window = node.event, node.window
    where = None if node.where is None else compile_closure(node.where)

    def begin(now: datetime) -> datetime | None:
        return None if window is None else (-window).shift(now)

    if node.how == "count" and where is None:

        def count(_profile: Mapping[str, Any], context: RuleContext) -> int:
            return context.events.count(name, begin(context.now), context.now)

        return count

    def found(context: RuleContext) -> list[Mapping[str, Any]]:
        events = context.events.within(name, begin(context.now), context.now)
        return [event for event in events if where is None or where(event, context)]

    if node.how == "count":
        return lambda _profile, context: len(found(context))
    if node.how == "last":
        return lambda _profile, context: (found(context) or _NOTHING)[-1].get("at")
    assert node.field is not None
    value, total = compile_closure(node.field), _whole if node.field.kind == INTEGER else _millionths

    def add(_profile: Mapping[str, Any], context: RuleContext) -> Any:
        return total([value(event, context) for event in found(context)])

    return add


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
