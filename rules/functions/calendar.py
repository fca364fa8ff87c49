"""Functions of the calendar: what an instant is called in UTC, or in a time zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from rules.functions.form import ZONE, Form, Function
from rules.functions.zones import zone
from rules.kind import INTEGER, TIMESTAMP

_PARTS: dict[str, tuple[str, str, Callable[[datetime], int]]] = {
    "day_of_week": ("isodow", "The day of the week, 1 (Monday) to 7 (Sunday)", datetime.isoweekday),
    "hour": ("hour", "The hour of the day, 0 to 23", lambda instant: instant.hour),
    "day": ("day", "The day of the month, 1 to 31", lambda instant: instant.day),
    "month": ("month", "The month, 1 to 12", lambda instant: instant.month),
    "year": ("year", "The year", lambda instant: instant.year),
}
"""Name → its name in SQL's ``extract``, what it is, and how Python reads it."""

_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Outside of these years local time is NULL: no two time zone databases agree on it."""


def _here(part: Callable[[datetime], int]) -> Callable[[datetime], int]:
    return lambda instant: part(instant.astimezone(UTC))


def _there(part: Callable[[datetime], int]) -> Callable[[datetime, str], int | None]:
    def local(instant: datetime, name: str) -> int | None:
        known = zone(name)
        return part(instant.astimezone(known)) if known is not None and _FIRST <= instant < _LAST else None

    return local


def _forms(part: str, read: Callable[[datetime], int]) -> tuple[Form, ...]:
    local = (
        "CASE WHEN {1} IN ({zones}) AND {0} >= TIMESTAMP '1900-01-01' AND {0} < TIMESTAMP '2100-01-01'"
        f" THEN date_part('{part}', timezone({{1}}, timezone('UTC', {{0}}))) END"
    )
    return (
        Form((TIMESTAMP,), INTEGER, _here(read), {"duckdb": f"date_part('{part}', {{0}})"}),
        Form((TIMESTAMP, ZONE), INTEGER, _there(read), {"duckdb": local}),
    )


FUNCTIONS = tuple(
    Function(name, f"{says}, in UTC or in a time zone: {name}(now(), timezone).", _forms(part, read))
    for name, (part, says, read) in _PARTS.items()
)
