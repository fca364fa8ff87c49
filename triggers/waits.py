"""When a wait ends: a duration, a time of the profile's own day, or both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailwright.errors import ConfigError, Location
from rules.interval import Interval, parse_interval

PREFERRED = "preferred hour"
_WAIT = re.compile(r"\s*(?P<length>.*?)\s*(?:\buntil\s+(?P<until>\d{1,2}:\d{2}|preferred hour))?\s*$")


@dataclass(frozen=True, slots=True)
class Wait:
    """``length`` first, then until a time of the profile's day: ``until``, or its preferred hour."""

    text: str
    length: Interval
    until: time | None = None
    preferred: bool = False

    def end(self, start: datetime, zone: ZoneInfo, hour: int | None) -> datetime:
        """When a wait that begins at ``start`` is over; ``hour`` is the profile's preferred one, if known."""
        end = self.length.shift(start) or start
        until = time(hour) if self.preferred and hour is not None else self.until
        return end if until is None else next_time(end, until, zone)


def read_wait(text: str, at: Location) -> Wait:
    """``30 minutes``, ``until 09:00``, ``1 day until preferred hour``. Raises ConfigError."""
    found = _WAIT.match(text)
    length = parse_interval(found["length"]) if found and found["length"] else Interval()
    until = found["until"] if found else None
    try:
        clock = time.fromisoformat(until.zfill(5)) if until and until != PREFERRED else None
    except ValueError:
        length = None
        clock = None
    if found is None or length is None or not text.strip():
        raise ConfigError(
            f"{text!r} is no wait", at=at, fix="write 30 minutes, until 09:00, or 1 day until preferred hour"
        )
    return Wait(text, length, clock, until == PREFERRED)


def read_duration(text: str, at: Location) -> Interval:
    """``7 days``. Raises ConfigError for what is none, or nothing."""
    length = parse_interval(text)
    if length is None or length == Interval():
        raise ConfigError(f"{text!r} is no duration", at=at, fix="write 30 minutes, 12 hours or 7 days")
    return length


def next_time(moment: datetime, clock: time, zone: ZoneInfo) -> datetime:
    """The next instant, from ``moment`` on, at which clocks in ``zone`` show ``clock``; in UTC.

    A time that a day skips (summer time begins) is the instant at which it would have been.
    """
    local = moment.astimezone(zone)
    for day in range(3):
        there = datetime.combine(local.date() + timedelta(days=day), clock, tzinfo=zone).astimezone(UTC)
        if there >= moment:
            return there
    raise AssertionError("a day is never as long as three")


def zone_of(name: str | None, otherwise: str) -> ZoneInfo:
    """The time zone of that name; of ``otherwise`` where it is unknown."""
    for candidate in (name, otherwise):
        if candidate:
            try:
                return ZoneInfo(candidate)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
    return ZoneInfo("UTC")
