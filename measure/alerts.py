"""What should worry someone: mails that wear off, people who get too many, bounces and complaints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Literal

import duckdb
import numpy as np

from measure.breakdown import tallies_of
from measure.facts import Question, facts_of
from measure.rates import benjamini_hochberg, rate, rate_difference, wilson

if TYPE_CHECKING:
    import pandas as pd

COMPLAINTS = 0.001
"""Above this share of delivered mail providers begin to distrust a sender: Google's guidelines for senders
ask for less than 0.10 % and never 0.30 %."""
BOUNCES = 0.05
"""Above this share of sent mail ESPs put an account under review (Amazon SES's documentation)."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to look at. ``before`` and ``after`` are rates; of a limit, ``before`` is the limit."""

    kind: Literal["decay", "fatigue", "complaints", "bounces"]
    dimension: str
    value: str | None
    before: float
    after: float
    p: float
    """Corrected for all comparisons of its kind; NaN for limits."""
    text: str


def find_alerts(
    question: Question, *, span: timedelta = timedelta(days=28), alpha: float = 0.05, least_drop: float = 0.2
) -> tuple[Alert, ...]:
    """Compare the last ``span`` with the one before it, and both with what providers tolerate.

    *Decay*: the click rate of a campaign, segment or block fell by ``least_drop`` or more, relative, and more
    than chance explains (Benjamini-Hochberg among all that are compared). *Fatigue*: profiles that had many
    mails within ``span`` leave (unsubscribe or complain) more often than those that had few; this is seen,
    not tested: nobody drew lots who gets many. *Complaints*, *bounces*: surely above the limit (the Wilson
    interval of the last ``span`` lies above it).
    """
    microseconds = span // timedelta(microseconds=1)
    with facts_of(question) as connection:
        spans = f"((getvariable('now_at') - \"at\") // {microseconds} + 1)"
        recent = tallies_of(
            connection, f"make_timestamp(getvariable('now_at') - {spans} * {microseconds})::DATE"
        ).to_pandas()
        doses = _doses(connection, microseconds)
    starts = [(question.now.astimezone(UTC) - spans * span).date() for spans in (1, 2)]
    now, earlier = (recent[recent["period"] == start] for start in starts)
    return (*_limits(now), *_decay(earlier, now, alpha, least_drop), *_fatigue(doses, alpha))


def _limits(now: pd.DataFrame) -> list[Alert]:
    alerts = []
    for row in now[now["dimension"].isin(["all", "campaign"])].to_dict("records"):
        limits = (
            ("complaints", "complained", "delivered", COMPLAINTS),
            ("bounces", "bounced", "sent", BOUNCES),
        )
        for kind, hits, trials, limit in limits:
            low, _ = wilson(row[hits], row[trials])
            if low > limit:
                share = float(rate(row[hits], row[trials]))
                text = f"{share:.2%} of mail {hits} lately; providers tolerate {limit:.1%}"
                alerts.append(Alert(kind, row["dimension"], row["value"], limit, share, float("nan"), text))  # type: ignore[arg-type]
    return alerts


def _decay(earlier: pd.DataFrame, now: pd.DataFrame, alpha: float, least_drop: float) -> list[Alert]:
    keys = ["dimension", "name", "value"]
    both = earlier.merge(now, on=keys, suffixes=("_a", "_b"))
    both = both[both["dimension"].isin(["all", "campaign", "segment", "block"])]
    if both.empty:
        return []
    change = rate_difference(
        both["clicked_a"], both["delivered_a"], both["clicked_b"], both["delivered_b"], alpha
    )
    p = benjamini_hochberg(change.p)
    before, after = rate(both["clicked_a"], both["delivered_a"]), rate(both["clicked_b"], both["delivered_b"])
    found = (p < alpha) & (after <= before * (1 - least_drop))
    return [
        Alert(
            "decay",
            row["dimension"],
            row["value"],
            float(before[i]),
            float(after[i]),
            float(p[i]),
            f"{row['dimension']} {row['value'] or ''}".strip()
            + f": clicks fell from {before[i]:.2%} to {after[i]:.2%}",
        )
        for i, row in enumerate(both.to_dict("records"))
        if found[i]
    ]


_DOSES = ("1", "2-3", "4-7", "8 or more")


def _doses(connection: duckdb.DuckDBPyConnection, microseconds: int) -> pd.DataFrame:
    """Mails, and those after which the profile left, by how many mails it had had within the span."""
    doses: pd.DataFrame = connection.sql(f"""
        SELECT least(floor(log2(mails)), 3)::INT AS dose, count(*) AS delivered,
            count(*) FILTER (unsubscribed OR complained) AS gone
        FROM (SELECT unsubscribed, complained, count(*) OVER (
                  PARTITION BY profile_id ORDER BY "at" RANGE BETWEEN {microseconds} PRECEDING AND CURRENT ROW
              ) AS mails
              FROM facts WHERE delivered)
        GROUP BY dose ORDER BY dose
    """).df()  # noqa: S608 a number
    return doses


def _fatigue(doses: pd.DataFrame, alpha: float) -> list[Alert]:
    """Every dose against the lowest."""
    if len(doses) < 2:
        return []
    first, others = doses.iloc[0], doses.iloc[1:]
    change = rate_difference(
        np.full(len(others), first["gone"]),
        np.full(len(others), first["delivered"]),
        others["gone"],
        others["delivered"],
    )
    p = benjamini_hochberg(change.p)
    base = float(rate(first["gone"], first["delivered"]))
    alerts = []
    for i, row in enumerate(others.to_dict("records")):
        if p[i] < alpha and change.value[i] > 0:
            share, dose = base + float(change.value[i]), _DOSES[int(row["dose"])]
            few = _DOSES[int(first["dose"])]
            text = f"after {dose} mails within the span {share:.2%} leave, after {few} only {base:.2%}"
            alerts.append(Alert("fatigue", "mails", dose, base, share, float(p[i]), text))
    return alerts
