"""Functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

from rules.functions.form import Form, Function
from rules.kind import INTEGER, NUMBER

_MAX = 2**63 - 1


def _abs(value: int) -> int | None:
    size = abs(value)
    return size if size <= _MAX else None


def _whole(whole: Callable[[float], int]) -> Callable[[float], float]:
    return lambda value: float(whole(value)) if math.isfinite(value) else value


def _round(value: float) -> int:
    """To the nearest whole number, halves away from zero; ``floor(x + 0.5)`` would err just below a half."""
    size = abs(value)
    below = math.floor(size)
    nearest = below + (size - below >= 0.5)
    return nearest if value >= 0 else -nearest


_ABS = {"duckdb": "TRY_CAST(abs(CAST({0} AS HUGEINT)) AS BIGINT)"} | dict.fromkeys(
    ("bigquery", "postgres", "redshift", "snowflake", "spark"), "ABS({0})"
)
_HALVES = "SIGN({0}) * (FLOOR(ABS({0})) + CASE WHEN ABS({0}) - FLOOR(ABS({0})) >= 0.5e0 THEN 1 ELSE 0 END)"
_ROUND = {"duckdb": "round({0})", "postgres": _HALVES, "redshift": _HALVES}
"""PostgreSQL rounds halves of doubles to even."""

FUNCTIONS = (
    Function(
        "abs",
        "The size of a number, without its sign.",
        (
            Form((INTEGER,), INTEGER, _abs, _ABS, low=0),
            Form((NUMBER,), NUMBER, abs, {"duckdb": "abs({0})"}, low=0.0),
        ),
    ),
    Function(
        "floor",
        "The next whole number below: floor(days_since(x)) counts whole days.",
        (Form((NUMBER,), NUMBER, _whole(math.floor), {"duckdb": "floor({0})"}),),
    ),
    Function(
        "ceil",
        "The next whole number above.",
        (Form((NUMBER,), NUMBER, _whole(math.ceil), {"duckdb": "ceil({0})"}),),
    ),
    Function(
        "round",
        "The nearest whole number, halves away from zero.",
        (Form((NUMBER,), NUMBER, _whole(_round), _ROUND),),
    ),
)
