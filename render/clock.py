"""Filters that count down to a moment, from the moment of the run: the same for all of its mails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Literal

from babel.dates import format_timedelta

from render.formats import MEMO, moment, zone

CLOCK_FILTERS = frozenset({"countdown", "days_until", "hours_until"})
"""Filters whose result depends on ``now``; ``countdown`` depends on the locale too."""

_HOURS_BELOW = timedelta(days=2)
"""What is nearer is counted in hours."""


def clock_filters(zone_name: str, now: datetime) -> dict[str, Callable[..., Any]]:
    """The filters by name, for a workspace's time zone and a run's moment.

    ``days_until`` and ``hours_until`` are the rule language's: a number with a fraction, below zero when the
    moment has passed. ``countdown`` says it in words ("in 3 days"): whole days, in the last two days hours,
    rounded down and one hour at least; missing for what is missing, and when the moment has passed. A day
    lasts until its end in the zone, as a block's ``ends`` does; text is read as ISO 8601; what has no zone
    is UTC.
    """
    place = zone(zone_name)

    def left(value: Any) -> timedelta:
        until = moment(value)
        if not isinstance(until, datetime):
            until = _end_of(until, place)
        return until - now

    @lru_cache(MEMO, typed=True)
    def countdown(value: Any, *, locale: str) -> str | None:
        span = timedelta() if value is None else left(value)
        if span <= timedelta():
            return None
        unit: Literal["day", "hour"] = "day" if span >= _HOURS_BELOW else "hour"
        one = timedelta(days=1) if unit == "day" else timedelta(hours=1)
        whole = max(span // one, 1) * one
        # The threshold keeps Babel from saying "3 weeks".
        return format_timedelta(
            whole, granularity=unit, threshold=1e9, add_direction=True, locale=locale.replace("-", "_")
        )

    return {
        "countdown": countdown,
        "days_until": lambda value: left(value) / timedelta(days=1),
        "hours_until": lambda value: left(value) / timedelta(hours=1),
    }


def _end_of(day: date, place: tzinfo) -> datetime:
    if day == date.max:  # stands for "never ends", and no day comes after it
        return datetime.combine(day, time.max, place)
    return datetime.combine(day + timedelta(days=1), time(), place)
