"""Intervals: lengths of time in the calendar's units, and how they shift an instant."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
UNITS = (*_SECONDS, *_MONTHS)
"""A day is 24 hours everywhere in rules: instants are counted in UTC, which has no summer time."""

_MAX_YEARS = 1_000
_PART = re.compile(r"\s*(\d{1,9})\s*([a-z]+)\s*,?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Interval:
    """``months`` calendar months and ``seconds`` on top of them; either may be negative."""

    months: int = 0
    seconds: int = 0

    def __neg__(self) -> Interval:
        return Interval(-self.months, -self.seconds)

    def shift(self, instant: datetime) -> datetime | None:
        """``instant`` moved by this interval; None outside the years 1 to 9999.

        Months first, then the rest; a day that the month does not have becomes its last (31 January and a
        month is 28 or 29 February), as in PostgreSQL and DuckDB.
        """
        try:
            if self.months:
                year, month0 = divmod(instant.year * 12 + instant.month - 1 + self.months, 12)
                if not 1 <= year <= 9999:
                    return None
                last = calendar.monthrange(year, month0 + 1)[1]
                instant = instant.replace(year=year, month=month0 + 1, day=min(instant.day, last))
            return instant + timedelta(seconds=self.seconds)
        except OverflowError:
            return None


def parse_interval(text: str) -> Interval | None:
    """The interval that ``1 hour``, ``90 minutes`` or ``1 day 12 hours`` describes; None when it is none."""
    months = seconds = place = 0
    stripped = text.strip()
    while place < len(stripped):
        part = _PART.match(stripped, place)
        unit = part and part[2].lower().removesuffix("s")
        if part is None or unit not in UNITS:
            return None
        months += int(part[1]) * _MONTHS.get(unit, 0)
        seconds += int(part[1]) * _SECONDS.get(unit, 0)
        place = part.end()
    if not stripped or months > _MAX_YEARS * 12 or seconds > _MAX_YEARS * 366 * _SECONDS["day"]:
        return None
    return Interval(months, seconds)
