"""The same figures period by period: how a campaign, its segments and its blocks do as time goes on."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from measure.breakdown import tallies_of, with_intervals
from measure.facts import Question, facts_of

DAY_US = 86_400_000_000
MOST_DAYS = 14
"""Mails sent within so many days are shown day by day, others by weeks."""


@dataclass(frozen=True)
class OverTime:
    """``table`` has a row for each period, dimension and value: ``period`` (the first day), counts, rates.

    Its dimensions are all, campaign, segment, block, arm and locale; a mail belongs to the period in which it
    was sent. Those of the last period may still be opened, clicked and followed by orders.
    """

    days: int
    """Of one period. Weeks begin on Mondays."""
    table: pa.Table


def performance_over_time(question: Question, *, days: int | None = None) -> OverTime:
    """How campaign, segments, blocks, arms and locales did, by periods of so many days."""
    with facts_of(question) as connection:
        return over_time(connection, days)


def over_time(connection: duckdb.DuckDBPyConnection, days: int | None = None) -> OverTime:
    """The same of facts that are there; without ``days`` single days or weeks, as suits what was sent."""
    days = days or _suiting(connection)
    shift = 3 * DAY_US if days % 7 == 0 else 0  # 1970 began on a Thursday
    start = f'("at" + {shift}) // {days * DAY_US} * {days * DAY_US} - {shift}'
    return OverTime(days, with_intervals(tallies_of(connection, f"make_timestamp({start})::DATE")))


def _suiting(connection: duckdb.DuckDBPyConnection) -> int:
    first, last = connection.execute('SELECT min("at"), max("at") FROM facts WHERE sent').fetchall()[0]
    return 1 if first is None or last - first < MOST_DAYS * DAY_US else 7
