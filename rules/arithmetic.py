"""Closures that compute: numbers, and instants moved by intervals. What has no value is None."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from rules.context import Closure, RuleContext
from rules.kind import INTEGER, NUMBER
from rules.tree import Arith, Convert, Node, Shift

_MIN, _MAX = -(2**63), 2**63 - 1


def convert(node: Convert, compile_closure: Callable[[Node], Closure]) -> Closure:
    operand = compile_closure(node.operand)
    convert: Callable[[Any], Any] = float if node.kind == NUMBER else _midnight

    def converted(profile: Mapping[str, Any], context: RuleContext) -> Any:
        value = operand(profile, context)
        return None if value is None else convert(value)

    return converted


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _divide(a: float, b: float) -> float | None:
    return a / b if b else None


def _remainder(a: float, b: float) -> float | None:
    """SQL's: it has the sign of the dividend."""
    if not b:
        return None
    if isinstance(a, int) and isinstance(b, int):
        rest = abs(a) % abs(b)
        return rest if a >= 0 else -rest
    return math.fmod(a, b) if math.isfinite(a) else None


_ARITH: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
}


def arithmetic(node: Arith, compile_closure: Callable[[Node], Closure]) -> Closure:
    compute, left, right = _ARITH[node.op], compile_closure(node.left), compile_closure(node.right)
    whole = node.kind == INTEGER

    def computed(profile: Mapping[str, Any], context: RuleContext) -> Any:
        a, b = left(profile, context), right(profile, context)
        if a is None or b is None:
            return None
        value = compute(a, b)
        if value is None:
            return None
        return value if (_MIN <= value <= _MAX if whole else math.isfinite(value)) else None

    return computed


def shift(node: Shift, compile_closure: Callable[[Node], Closure]) -> Closure:
    operand, by = compile_closure(node.operand), node.by

    def shifted(profile: Mapping[str, Any], context: RuleContext) -> Any:
        value = operand(profile, context)
        return None if value is None else by.shift(value)

    return shifted
