"""``days_since`` and its kin: how long ago an instant was, as a number with a fraction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rules.functions.form import Form, Function
from rules.kind import NUMBER, TIMESTAMP

_SECONDS = {"minutes": 60, "hours": 3_600, "days": 86_400}


def microseconds(later: datetime, earlier: datetime) -> int:
    """The exact distance of two instants."""
    gap = later - earlier
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds


def _since(unit: float) -> Callable[[datetime, datetime], float]:
    def since(now: datetime, instant: datetime) -> float:
        return float(microseconds(now, instant)) / unit

    return since


def _until(unit: float) -> Callable[[datetime, datetime], float]:
    def until(now: datetime, instant: datetime) -> float:
        return float(microseconds(instant, now)) / unit

    return until


def _gap(later: str, earlier: str, seconds: int) -> dict[str, str]:
    return {
        "duckdb": f"CAST(epoch_us({later}) - epoch_us({earlier}) AS DOUBLE) / {seconds}e6",
    }


def _functions() -> tuple[Function, ...]:
    made: list[Function] = []
    for name, seconds in _SECONDS.items():
        unit = seconds * 1e6
        for word, compute, sql, says in (
            ("since", _since(unit), _gap("{now}", "{0}", seconds), "have passed since an instant (or date)"),
            ("until", _until(unit), _gap("{0}", "{now}", seconds), "are left until an instant (or date)"),
        ):
            form = Form((TIMESTAMP,), NUMBER, compute, sql, uses_now=True)
            made.append(Function(f"{name}_{word}", f"How many {name}, with a fraction, {says}.", (form,)))
    return tuple(made)


FUNCTIONS = _functions()
