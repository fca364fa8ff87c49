"""Conditions on how long ago an instant was, however they are written, in one unit.

``days_since(x) > 3``, ``hours_until(x) < -72`` and ``x < now() - INTERVAL '3 days'`` say the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from rules.interval import Interval
from rules.tree import Call, Const, Node, Now, Shift

_UNITS = {"days": 86_400_000_000, "hours": 3_600_000_000, "minutes": 60_000_000}
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_SLACK = 1_000
"""Microseconds: a number of days as a double is not exact to the microsecond."""
_SHORTEST, _LONGEST = 28, 31
"""Days of a month."""


@dataclass(frozen=True, slots=True)
class Age:
    """``now - instant`` in microseconds ``op`` (< <= > >=) so many, or a little less strict than that."""

    instant: Node
    op: str
    microseconds: float


def age_of(left: Node, op: str, right: Node) -> Age | None:
    """What ``left op right`` says of an instant's age; None when it says nothing of the kind."""
    if op not in _FLIPPED:
        return None
    if isinstance(left, Call) and isinstance(right, Const) and right.value is not None:
        unit, _, way = left.name.partition("_")
        if unit not in _UNITS or way not in ("since", "until") or abs(right.value) > 1e9:
            return None
        age = right.value * _UNITS[unit]
        if way == "until":
            age, op = -age, _FLIPPED[op]
        return _age(left.args[0], op, age, age)
    if isinstance(left, Const | Now | Shift):
        return None
    if isinstance(right, Now):
        return _age(left, _FLIPPED[op], 0, 0)
    if isinstance(right, Shift) and isinstance(right.operand, Now):
        return _age(left, _FLIPPED[op], *_range(right.by))
    return None


def _range(by: Interval) -> tuple[int, int]:
    """The least and the greatest age of ``now() + by``."""
    days = sorted((-by.months * _SHORTEST, -by.months * _LONGEST))
    least, greatest = (day * _UNITS["days"] - by.seconds * 1_000_000 for day in days)
    return least, greatest


def _age(instant: Node, op: str, least: float, greatest: float) -> Age:
    bound = least if op in (">", ">=") else greatest
    slack = _SLACK if bound else 0
    return Age(instant, op, bound - slack if op in (">", ">=") else bound + slack)
