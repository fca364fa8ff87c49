"""How far apart two instants are, as a number with a fraction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rules.functions.form import Form, Function
from rules.kind import NUMBER, TIMESTAMP

_SECONDS = {"minutes": 60, "hours": 3_600, "days": 86_400}


def _distance(seconds: int) -> Callable[[datetime, datetime], float]:
    unit = seconds * 1e6

    def distance(later: datetime, earlier: datetime) -> float:
        gap = later - earlier
        return float((gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds) / unit

    return distance


def _reverse(distance: Callable[[datetime, datetime], float]) -> Callable[[datetime, datetime], float]:
    return lambda earlier, later: distance(later, earlier)


def _sql(later: str, earlier: str, seconds: int) -> dict[str, str]:
    epoch = f"CAST(EXTRACT(EPOCH FROM ({later} - {earlier})) AS DOUBLE PRECISION) / {seconds}e0"
    return {
        "duckdb": f"CAST(epoch_us({later}) - epoch_us({earlier}) AS DOUBLE) / {seconds}e6",
        "bigquery": f"CAST(TIMESTAMP_DIFF({later}, {earlier}, MICROSECOND) AS FLOAT64) / {seconds}e6",
        "postgres": epoch,
        "redshift": f"CAST(DATEDIFF(MICROSECOND, {earlier}, {later}) AS DOUBLE PRECISION) / {seconds}e6",
        "snowflake": f"CAST(DATEDIFF(MICROSECOND, {earlier}, {later}) AS DOUBLE) / {seconds}e6",
        "spark": f"CAST(UNIX_MICROS({later}) - UNIX_MICROS({earlier}) AS DOUBLE) / {seconds}e6",
    }


def _functions(name: str, seconds: int) -> tuple[Function, ...]:
    distance, one, two = _distance(seconds), (TIMESTAMP,), (TIMESTAMP, TIMESTAMP)
    since = Form(one, NUMBER, distance, _sql("{now}", "{0}", seconds), uses_now=True)
    until = Form(one, NUMBER, _reverse(distance), _sql("{0}", "{now}", seconds), uses_now=True)
    between = Form(two, NUMBER, _reverse(distance), _sql("{1}", "{0}", seconds))
    return (
        Function(
            f"{name}_since", f"How many {name}, with a fraction, have passed since an instant.", (since,)
        ),
        Function(f"{name}_until", f"How many {name}, with a fraction, are left until an instant.", (until,)),
        Function(
            f"{name}_between", f"How many {name}, with a fraction, lie from one to the next.", (between,)
        ),
    )


FUNCTIONS = tuple(each for name, seconds in _SECONDS.items() for each in _functions(name, seconds))
