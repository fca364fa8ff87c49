"""Functions of the calendar: what an instant is called in UTC, or in a time zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from rules.functions.form import ZONE, Form, Function
from rules.functions.zones import zone
from rules.kind import INTEGER, TIMESTAMP

_PARTS: dict[str, tuple[str, str, Callable[[datetime], int], int, int]] = {
    "day_of_week": ("isodow", "The day of the week, 1 (Monday) to 7", datetime.isoweekday, 1, 7),
    "hour": ("hour", "The hour of the day, 0 to 23", lambda instant: instant.hour, 0, 23),
    "day": ("day", "The day of the month, 1 to 31", lambda instant: instant.day, 1, 31),
    "month": ("month", "The month, 1 to 12", lambda instant: instant.month, 1, 12),
    "year": ("year", "The year", lambda instant: instant.year, 1, 9999),
}
"""Name → its name in SQL's ``date_part``, what it is, how Python reads it, its least and greatest value."""

_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Outside of these years local time is NULL: no two time zone databases agree on it."""


def _here(part: Callable[[datetime], int]) -> Callable[[datetime], int]:
    return lambda instant: part(instant.astimezone(UTC))


def _there(part: Callable[[datetime], int]) -> Callable[[datetime, str], int | None]:
    def local(instant: datetime, name: str) -> int | None:
        known = zone(name)
        return part(instant.astimezone(known)) if known is not None and _FIRST <= instant < _LAST else None

    return local


_LOCAL = {
    "duckdb": "timezone({1}, timezone('UTC', {0}))",
    "bigquery": "DATETIME({0}, {1})",
    "postgres": "({0} AT TIME ZONE {1})",
    "redshift": "({0} AT TIME ZONE {1})",
    "snowflake": "CONVERT_TIMEZONE({1}, {0})",
    "spark": "FROM_UTC_TIMESTAMP({0}, {1})",
}
"""What the clocks show in zone ``{1}`` at instant ``{0}``."""

_SUNDAY_FIRST = {"bigquery": "EXTRACT(DAYOFWEEK FROM {0}) + 5", "redshift": "EXTRACT(DOW FROM {0}) + 6"}
_SUNDAY_FIRST["spark"] = "DAYOFWEEK({0}) + 5"


def _part(dialect: str, part: str, clock: str) -> str:
    """The template that reads ``part`` off a clock."""
    if dialect == "duckdb":
        return f"date_part('{part}', {clock})"
    if part != "isodow":
        return (
            f"CAST(EXTRACT({part.upper()} FROM {clock}) AS {'INT64' if dialect == 'bigquery' else 'BIGINT'})"
        )
    if dialect in _SUNDAY_FIRST:
        return f"MOD({_SUNDAY_FIRST[dialect].format(clock)}, 7) + 1"
    return (
        f"DAYOFWEEKISO({clock})"
        if dialect == "snowflake"
        else f"CAST(EXTRACT(ISODOW FROM {clock}) AS BIGINT)"
    )


def _forms(part: str, read: Callable[[datetime], int], low: int, high: int) -> tuple[Form, ...]:
    here: dict[str, str] = {"duckdb": f"date_part('{part}', {{0}})"}
    there: dict[str, str] = {}
    for dialect, local in _LOCAL.items():
        here.setdefault(dialect, _part(dialect, part, local.replace("{1}", "'UTC'")))
        there[dialect] = f"{_KNOWN} THEN {_part(dialect, part, local)} END"
    return (
        Form((TIMESTAMP,), INTEGER, _here(read), here, low=low, high=high),
        Form((TIMESTAMP, ZONE), INTEGER, _there(read), there, low=low, high=high),
    )


_KNOWN = "CASE WHEN {1} IN ({zones}) AND EXTRACT(YEAR FROM {0}) BETWEEN 1900 AND 2099"

FUNCTIONS = tuple(
    Function(name, f"{says}, in UTC or in a zone: {name}(now(), timezone).", _forms(part, read, low, high))
    for name, (part, says, read, low, high) in _PARTS.items()
)
