"""What an experiment has come to: its arms, their differences, and whether they may be compared at all."""
# ruff: noqa: S608 every piece of the queries is a constant of this file

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, cast

import duckdb
import numpy as np
import scipy

from mailwright.model.experiment import ArmSpec, ExperimentSpec, version_of
from measure.facts import count
from measure.metrics import HITS, column_of
from measure.rates import Sample, holm, mean_difference, rate_difference, wilson
from measure.sequential import sequential_difference

if TYPE_CHECKING:
    import pandas as pd

RATIO_ALPHA = 0.001
"""Below this p-value the arms' sizes are not what the shares say, and nothing is concluded from them.

The level that is usual for this check, because it is made again and again (Fabijan et al., "Diagnosing
sample ratio mismatch in online controlled experiments", KDD 2019)."""


_MONEY = "sum(spent) / 1e4 AS spent, sum(spent * spent) / 1e8 AS spent2"
"""Facts hold money in ten-thousandths."""


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm: its profiles, and to how many of them each thing happened. ``value`` is the metric's."""

    name: str
    share: float | None
    profiles: int
    hits: Mapping[str, int]
    revenue: float
    squares: float
    """The sum of the squares of each profile's revenue."""
    value: float
    low: float
    high: float

    def sample(self, metric: str) -> Sample:
        if metric == "revenue":
            return Sample.of(self.profiles, self.revenue, self.squares)
        return Sample.of_rate(self.hits[metric], self.profiles)


@dataclass(frozen=True, slots=True)
class Comparison:
    """An arm against the control: the difference of the metric, its interval and p-value, looked at once;
    and the same for whoever looks every day (``always_…``). P-values are corrected for the number of arms."""

    arm: str
    difference: float
    low: float
    high: float
    p: float
    always_low: float
    always_high: float
    always_p: float


@dataclass(frozen=True)
class ExperimentResult:
    """One version of one experiment. ``spec`` is None when the version is not that of the campaign's file."""

    name: str
    version: str
    metric: str
    control: str
    arms: tuple[ArmResult, ...]
    comparisons: tuple[Comparison, ...]
    ratio_p: float
    """P-value of "the arms' sizes follow their shares"; NaN when the shares are not known."""
    crossed: int
    """Profiles that had two arms of this version, which cannot be; they are left out."""
    spec: ExperimentSpec | None
    days: pd.DataFrame
    """Columns day, arm, profiles, total, squares: those enrolled on that day, and the metric's sums."""
    started: datetime | None
    """When its first mail went."""

    @property
    def is_balanced(self) -> bool:
        return not self.ratio_p < RATIO_ALPHA

    @property
    def settings(self) -> ExperimentSpec:
        """How it is judged: as the file says, or by default."""
        return self.spec or ExperimentSpec(arms={arm.name: ArmSpec() for arm in self.arms} or _TWO)

    def arm(self, name: str) -> ArmResult:
        return next(arm for arm in self.arms if arm.name == name)


_TWO = {"a": ArmSpec(), "b": ArmSpec()}


def experiment_results(
    connection: duckdb.DuckDBPyConnection,
    experiments: Mapping[str, ExperimentSpec],
    content: Mapping[str, str],
) -> tuple[ExperimentResult, ...]:
    """Every version of every experiment in ``facts``, the newest version of each name first."""
    frame, crossed = _enrolled(connection)
    found = []
    for key, rows in frame.groupby(["experiment", "version"], sort=True):
        name, version = (str(part) for part in cast("tuple[object, object]", key))
        spec = experiments.get(name)
        if spec is not None and version_of(name, spec, content.get(name, "")) != version:
            spec = None
        if spec is not None and not set(rows["arm"]) <= set(spec.arms):
            spec = None  # the version says it is the file's, the arms say it is not: believe the arms
        metric = (experiments[name].metric if name in experiments else None) or "clicked"
        found.append(_result(name, version, rows, metric, spec, crossed.get((name, version), 0)))
    return tuple(sorted(found, key=lambda result: (result.name, -_latest(result))))


def compare(control: ArmResult, arm: ArmResult, metric: str, settings: ExperimentSpec) -> Comparison:
    """One arm against the control, uncorrected for other arms."""
    a, b = control.sample(metric), arm.sample(metric)
    if metric == "revenue":
        once = mean_difference(a, b, settings.alpha)
    else:
        once = rate_difference(a.total, a.n, b.total, b.n, settings.alpha)
    others = max(1, len(settings.arms) - 1)
    always = sequential_difference(a, b, alpha=settings.alpha / others, horizon=settings.horizon)
    return Comparison(
        arm.name,
        *(float(figure) for figure in (once.value, once.low, once.high, once.p)),
        *(float(figure) for figure in (always.low, always.high, np.minimum(always.p * others, 1))),
    )


def ratio_p(profiles: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """The chi-square test of "these sizes follow these shares"; NaN for nobody."""
    total = sum(profiles.values())
    if total == 0:
        return float("nan")
    observed = [profiles.get(arm, 0) for arm in shares]
    return float(scipy.stats.chisquare(observed, [share * total for share in shares.values()]).pvalue)


def _result(
    name: str, version: str, rows: pd.DataFrame, metric: str, spec: ExperimentSpec | None, crossed: int
) -> ExperimentResult:
    names = list(spec.arms) if spec else sorted(rows["arm"].unique())
    settings = spec or ExperimentSpec(arms={arm: ArmSpec() for arm in names} if len(names) > 1 else _TWO)
    sums = rows.drop(columns=["experiment", "version", "day", "first"]).groupby("arm").sum()
    arms = tuple(_arm(arm, sums, metric, spec, settings.alpha) for arm in names)
    control = settings.baseline if settings.baseline in names else names[0]
    base = next(arm for arm in arms if arm.name == control)
    comparisons = [compare(base, arm, metric, settings) for arm in arms if arm.name != control]
    adjusted = holm([comparison.p for comparison in comparisons])
    return ExperimentResult(
        name=name,
        version=version,
        metric=metric,
        control=control,
        arms=arms,
        comparisons=tuple(
            _with_p(comparison, p) for comparison, p in zip(comparisons, adjusted, strict=True)
        ),
        ratio_p=ratio_p({arm.name: arm.profiles for arm in arms}, spec.shares) if spec else float("nan"),
        crossed=crossed,
        spec=spec,
        days=_by_day(rows, metric),
        started=datetime.fromtimestamp(rows["first"].min() / 1e6, UTC),
    )


def _by_day(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """``ExperimentResult.days``."""
    import pandas as pd  # takes half a second, and results alone need it

    total = rows[column_of(metric)]
    days = pd.DataFrame(
        {
            "day": [_day(day) for day in rows["day"]],
            "arm": rows["arm"].to_numpy(),
            "profiles": rows["profiles"].to_numpy(),
            "total": total.to_numpy(),
            "squares": (rows["spent2"] if metric == "revenue" else total).to_numpy(),
        }
    )
    return days.sort_values(["day", "arm"], ignore_index=True)


def _arm(name: str, sums: pd.DataFrame, metric: str, spec: ExperimentSpec | None, alpha: float) -> ArmResult:
    sums = sums.reindex([name], fill_value=0)
    row = {str(column): sums[column].iloc[0] for column in sums.columns}
    profiles, hits = int(row["profiles"]), {key: int(row[column]) for key, column in HITS.items()}
    revenue, squares = float(row["spent"]), float(row["spent2"])
    sample = Sample.of(profiles, revenue, squares)
    if metric == "revenue":
        value = float(sample.mean)
        z = scipy.stats.norm.isf(alpha / 2)
        half = float(z * np.sqrt(sample.variance / profiles)) if profiles else np.nan
        low, high = value - half, value + half
    else:
        value = float(Sample.of_rate(hits[metric], profiles).mean)
        low, high = (float(bound) for bound in wilson(hits[metric], profiles, alpha))
    share = spec.shares[name] if spec else None
    return ArmResult(name, share, profiles, hits, revenue, squares, value, low, high)


def _enrolled(
    connection: duckdb.DuckDBPyConnection,
) -> tuple[pd.DataFrame, dict[tuple[str, str], int]]:
    """Sums by experiment, version, arm and day of enrolment, and the profiles that had two arms.

    The profile is what was assigned, so it is the profile that counts, once, however many mails it had.
    """
    day = '"at" // 86400000000'
    sums = ", ".join(f"count(*) FILTER ({column}) AS {column}" for column in HITS.values())
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW tested AS SELECT facts.*, list AS arms FROM facts"
        " JOIN arm_lists ON code = arms_code WHERE sent AND len(list) > 0"
    )
    if count(connection, "SELECT count(*) - count(DISTINCT profile_id) FROM tested") == 0:
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE patterns AS
            SELECT list AS arms, p.* EXCLUDE (arms_code) FROM (
                SELECT arms_code, {day} AS day, min("at") AS first, count(*) AS profiles, {sums}, {_MONEY}
                FROM facts WHERE sent GROUP BY ALL
            ) AS p JOIN arm_lists ON code = arms_code WHERE len(list) > 0
        """)
        if _one_arm_each(connection):
            query = """
                SELECT entry.experiment, entry.version, entry.arm, day, p.* EXCLUDE (arms, day)
                FROM patterns AS p, unnest(arms) AS entries(entry)
            """
            return _summed(connection.sql(query).df()), {}
    hits = ", ".join(f"bool_or({column}) AS {column}" for column in HITS.values())
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE units AS
        SELECT entry.experiment, entry.version, min(entry.arm) AS arm,
            min(entry.arm) <> max(entry.arm) AS crossed,
            min({day}) AS day, min("at") AS first, {hits}, sum(spent) AS spent
        FROM tested, unnest(arms) AS entries(entry) GROUP BY entry.experiment, entry.version, profile_id
    """)
    query = f"""
        SELECT experiment, version, arm, day, min(first) AS first, count(*) AS profiles, {sums},
            {_MONEY}
        FROM units WHERE NOT crossed GROUP BY ALL
    """
    crossed = connection.sql(
        "SELECT experiment, version, count(*) FROM units WHERE crossed GROUP BY ALL"
    ).fetchall()
    return _summed(connection.sql(query).df()), {(name, version): n for name, version, n in crossed}


def _one_arm_each(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether no message names an experiment's version twice."""
    twice = """
        SELECT count(*) FROM patterns
        WHERE len(arms) > len(list_distinct(list_transform(arms, lambda a: (a.experiment, a.version))))
    """
    return count(connection, twice) == 0


def _summed(frame: pd.DataFrame) -> pd.DataFrame:
    grouped = frame.groupby(["experiment", "version", "arm", "day"], as_index=False, sort=True)
    return grouped.agg({name: "min" if name == "first" else "sum" for name in frame.columns[4:]})


def _with_p(comparison: Comparison, p: float) -> Comparison:
    fields = {name: getattr(comparison, name) for name in Comparison.__dataclass_fields__}
    return Comparison(**{**fields, "p": float(p)})


def _day(number: float) -> date:
    return datetime.fromtimestamp(int(number) * 86400, UTC).date()


def _latest(result: ExperimentResult) -> int:
    return max((day.toordinal() for day in result.days["day"]), default=0)
