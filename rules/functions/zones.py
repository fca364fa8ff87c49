"""The time zones that rules know: those that both Python's and DuckDB's data have."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import duckdb


@cache
def known_zones() -> frozenset[str]:
    """IANA names of regions, and UTC. Abbreviations (EST, CET) are left out: they mean different things."""
    with duckdb.connect() as database:
        known = {str(row[0]) for row in database.execute("SELECT name FROM pg_timezone_names()").fetchall()}
    both = known & available_timezones()
    return frozenset(name for name in both if "/" in name or name == "UTC")


@cache
def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name, or None when rules do not know it."""
    return ZoneInfo(name) if name in known_zones() else None
