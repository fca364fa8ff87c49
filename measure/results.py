"""The results of a campaign: figures, experiments, lift, and what had to be set aside to get them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from mailwright.errors import DataError
from mailwright.model.experiment import ExperimentSpec
from measure.breakdown import tallies, with_rates
from measure.experiments import ExperimentResult, experiment_results
from measure.facts import Attribution, Question, count, facts_of
from measure.lift import Lift, lift_of
from measure.periods import OverTime, over_time
from measure.verdict import Verdict, judge


@dataclass(frozen=True)
class Results:
    """What became of a campaign up to ``now``.

    ``breakdown`` has one row for each value of each dimension (``breakdown.with_rates``), the first that
    of the whole scope. ``set_aside`` counts what could not be used, by cause (docs/measure.md lists them).
    """

    campaign: str | None
    occasion: str | None
    now: datetime
    attribution: Attribution
    breakdown: pa.Table
    experiments: tuple[ExperimentResult, ...]
    verdicts: tuple[Verdict, ...]
    """One for each of ``experiments``."""
    lift: Lift | None
    """Against those held out; None when nobody was."""
    set_aside: Mapping[str, int]
    notes: tuple[str, ...]
    simulated: bool
    """Whether any of it was made up: nothing may then be concluded about real people."""
    over_time: OverTime | None = None
    """The figures by days or weeks; None where nobody asked for them."""

    def rows(self, dimension: str) -> pa.Table:
        """The rows of one dimension."""
        return self.breakdown.filter(
            pa.array([value == dimension for value in self.breakdown["dimension"].to_pylist()])
        )


def measure_results(
    question: Question,
    *,
    experiments: Mapping[str, ExperimentSpec] | None = None,
    content: Mapping[str, str] | None = None,
    facts_to: Path | None = None,
    periods: bool = False,
    days: int | None = None,
) -> Results:
    """Everything that is known about the question's campaign.

    ``experiments`` and ``content`` are those of the campaign's file as it is now (see ``assign_arms``): a
    version of the experiment that they do not describe is reported, but not judged by them. ``facts_to``
    writes one row a message to that Parquet file. ``periods`` asks for the figures over time too, by so many
    ``days`` (``periods.over_time``). Raises DataError for tables that do not fit.
    """
    with facts_of(question) as connection:
        if facts_to is not None:
            _write_facts(connection, facts_to)
        breakdown = with_rates(tallies(connection))
        found = experiment_results(connection, experiments or {}, content or {})
        set_aside = {cause: count(connection, query) for cause, query in SET_ASIDE.items()}
        lift = lift_of(connection)
        simulated = count(connection, "SELECT count(*) FROM facts WHERE simulated") > 0
        by_period = over_time(connection, days) if periods else None
        still_open = "\"at\" + getvariable('window_us') > getvariable('now_at')"
        young = count(connection, f"SELECT count(*) FROM facts WHERE sent AND {still_open}")  # noqa: S608
    return Results(
        campaign=question.campaign,
        occasion=question.occasion,
        now=question.now,
        attribution=question.attribution,
        breakdown=breakdown,
        experiments=found,
        verdicts=tuple(judge(result, question.now) for result in found),
        lift=lift,
        set_aside={cause: rows for cause, rows in set_aside.items() if rows},
        notes=tuple(_notes(found, experiments or {}, simulated, young)),
        simulated=simulated,
        over_time=by_period,
    )


_UNCREDITED = """SELECT count(DISTINCT (p.profile_id, order_key)) FROM purchases AS p
    JOIN (SELECT profile_id, min("at") AS first FROM mails GROUP BY profile_id) USING (profile_id)
    ANTI JOIN credited USING (profile_id, order_key)"""

SET_ASIDE = {
    "messages_repeated": "SELECT rows FROM repeats",
    "messages_not_yet_sent": """SELECT count(*) FROM messages
        WHERE status <> 'skipped' AND coalesce("at" > getvariable('now_at'), true)
        AND NOT EXISTS (FROM mails WHERE mails.message_id = messages.message_id)""",
    "events_without_message_id": "SELECT sum(events) FROM evidence WHERE message_id IS NULL",
    "events_of_unknown_messages": """SELECT sum(events) FROM evidence WHERE message_id IS NOT NULL
        AND NOT EXISTS (FROM messages AS m WHERE m.message_id = evidence.message_id)""",
    "events_of_held_out": """SELECT sum(events) FROM evidence
        WHERE message_id IN (SELECT message_id FROM mails WHERE held_out)""",
    "messages_with_events_before_send": "SELECT count(*) FROM mails WHERE early",
    "events_in_the_future": "SELECT count(*) FROM outcomes WHERE \"at\" > getvariable('now_at')",
    "orders_with_impossible_amounts": "SELECT count(*) FROM purchases WHERE odd",
    "orders_before_any_mail": f'{_UNCREDITED} WHERE "at" < first',
    "orders_after_every_window": f'{_UNCREDITED} WHERE "at" >= first',
}
"""What could not be used, by cause, and how it is counted. docs/measure.md says what becomes of each."""


def _notes(
    found: tuple[ExperimentResult, ...],
    experiments: Mapping[str, ExperimentSpec],
    simulated: bool,
    young: int,
) -> list[str]:
    notes = ["Simulated outcomes: these figures say nothing about real people."] if simulated else []
    if young:
        notes.append(f"the window in which orders count is still open for {young:,} mails")
    for result in found:
        if result.crossed:
            notes.append(
                f"experiment {result.name}: {result.crossed:,} profiles had two arms and are left out"
            )
        if result.spec is None and result.name in experiments:
            notes.append(
                f"experiment {result.name}: version {result.version} is not that of the file, which has been "
                "changed since; the two are never mixed"
            )
    return notes


def _write_facts(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = connection.sql("""
            SELECT * REPLACE (
                make_timestamp("at")::TIMESTAMPTZ AS "at", revenue / 1e4 AS revenue, spent / 1e4 AS spent)
            FROM facts_listed ORDER BY message_id
        """)
        rows.write_parquet(str(path), compression="zstd")
    except (OSError, duckdb.IOException) as error:
        raise DataError(f"cannot write {path}: {error}") from error
