"""How many profiles an experiment needs, and whether this audience has them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType

from mailwright.errors import MissingExtraError, UsageError
from mailwright.model.experiment import LOWER_IS_BETTER, ExperimentSpec
from measure.facts import Question, facts_of
from measure.metrics import column_of
from measure.sequential import profiles_needed


@dataclass(frozen=True, slots=True)
class History:
    """What past mails say of a metric: per profile and mailing, its mean and variance, and how many a day."""

    profiles: int
    mean: float
    variance: float
    profiles_per_day: float


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """What an experiment takes. ``effect`` is absolute; profiles are of all arms together.

    ``profiles`` is for looking once, at the end; ``profiles_sequential`` for looking whenever one likes,
    which is what ``measure_results`` does. ``smallest_effect`` is what the audience can show at one look,
    relative to the baseline; NaN when the audience is empty. Days are None when nobody comes by the day.
    """

    metric: str
    baseline: float
    effect: float
    arms: int
    per_arm: dict[str, int]
    profiles: int
    profiles_sequential: int
    horizon: int
    """The experiment's ``horizon`` with which looking every day costs least; ``profiles_sequential`` is
    reckoned with the one that the experiment has."""
    audience: int
    smallest_effect: float
    days: int | None
    days_sequential: int | None
    warning: str | None
    """Why the audience cannot carry the test; None when it can."""


def history_of(question: Question, metric: str) -> History:
    """Mean, variance and pace of a metric over the question's past mails; for orders, with their window.

    Raises UsageError when nothing has been sent.
    """
    column = column_of(metric)
    value = "spent / 1e4" if metric == "revenue" else f"{column}::INT"
    with facts_of(question) as connection:
        rows = connection.sql(f"""
            SELECT count(*), avg(value), var_samp(value), max(day) - min(day) + 1 FROM (
                SELECT max({value}) AS value, min("at") // 86400000000 AS day
                FROM facts WHERE sent GROUP BY profile_id, campaign, occasion)
        """).fetchall()  # noqa: S608 the column is one of `metrics`
    profiles, mean, variance, days = rows[0]
    if not profiles:
        raise UsageError("no mail has been sent yet, so there is no history", fix="give a baseline")
    return History(profiles, mean, variance or 0.0, profiles / days)


def plan_experiment(
    spec: ExperimentSpec,
    *,
    baseline: float,
    audience: int,
    variance: float | None = None,
    profiles_per_day: float | None = None,
) -> ExperimentPlan:
    """Plan an experiment for an audience of so many profiles (those the campaign is for, less holdouts).

    ``baseline`` is the metric's value without any change, ``variance`` that of one profile's revenue
    (needed for that metric alone), ``profiles_per_day`` how many new ones a trigger brings; None: all at
    once. Two-sided, alpha divided among the arms (Bonferroni), by statsmodels' ``NormalIndPower``.
    Raises UsageError for a baseline that leaves no room, MissingExtraError without statsmodels.
    """
    effect = _effect(spec, baseline)
    alpha = spec.alpha / (len(spec.arms) - 1)
    per_arm, sequential, horizon = _needed(spec, baseline, effect, variance, alpha)
    needed, part = sum(per_arm.values()), _part(spec)
    carried = math.floor(audience * part)
    smallest = _smallest(spec, baseline, variance, carried, alpha)
    pace = profiles_per_day * part if profiles_per_day else None
    return ExperimentPlan(
        metric=spec.metric,
        baseline=baseline,
        effect=effect,
        arms=len(spec.arms),
        per_arm=per_arm,
        profiles=needed,
        profiles_sequential=sequential,
        horizon=horizon,
        audience=carried,
        smallest_effect=smallest,
        days=math.ceil(needed / pace) if pace else None,
        days_sequential=math.ceil(sequential / pace) if pace else None,
        warning=_warning(needed, sequential, carried, smallest),
    )


def _needed(
    spec: ExperimentSpec, baseline: float, effect: float, variance: float | None, alpha: float
) -> tuple[dict[str, int], int, int]:
    """Profiles of each arm at one look; of all arms when looked at every day; and the horizon for that."""
    size, unit = _sizes(spec, baseline, effect, variance)
    power = _statsmodels().NormalIndPower()
    shares = spec.shares
    control = shares[spec.baseline]
    total, sequential, horizon = 0.0, 0.0, 0
    for name, share in shares.items():
        if name == spec.baseline:
            continue
        alone = power.solve_power(abs(size), alpha=alpha, power=spec.power, ratio=share / control)
        total = max(total, float(alone) / control)
        pair = control + share
        spread = pair * (unit[0] / control + unit[1] / share)
        enough = profiles_needed(effect, spread, alpha=alpha, power=spec.power, horizon=spec.horizon)
        sequential = max(sequential, enough / pair)
        horizon = max(horizon, _horizon(spec, effect, spread, alpha))
    per_arm = {name: math.ceil(total * share - 1e-9) for name, share in shares.items()}
    return per_arm, math.ceil(sequential), horizon


def _horizon(spec: ExperimentSpec, effect: float, spread: float, alpha: float) -> int:
    """The horizon at which the sequence is expected to show the effect: its own fixed point."""
    horizon = float(spec.horizon)
    for _ in range(8):
        horizon = profiles_needed(effect, spread, alpha=alpha, power=spec.power, horizon=horizon)
    return math.ceil(horizon)


def _part(spec: ExperimentSpec) -> float:
    """The share of the audience that takes part once the ramp is at its end."""
    layer = spec.layer.end - spec.layer.start if spec.layer else 1.0
    return layer * (spec.ramp[-1].share if spec.ramp else 1.0)


def _effect(spec: ExperimentSpec, baseline: float) -> float:
    rate = spec.metric != "revenue"
    if not math.isfinite(baseline) or baseline <= 0 or (rate and baseline >= 1):
        room = "between 0 and 1" if rate else "above 0"
        raise UsageError(f"the baseline of {spec.metric} is {baseline:g}; a plan needs one {room}")
    effect = baseline * spec.minimum_effect * (-1 if spec.metric in LOWER_IS_BETTER else 1)
    if rate and not 0 < baseline + effect < 1:
        raise UsageError(
            f"from {baseline:.1%}, a change of {spec.minimum_effect:.0%} ends at {baseline + effect:.1%}",
            fix="choose a smaller minimum_effect",
        )
    return effect


def _sizes(
    spec: ExperimentSpec, baseline: float, effect: float, variance: float | None
) -> tuple[float, tuple[float, float]]:
    """The standardised effect as statsmodels has it, and the variance of a profile in control and arm."""
    if spec.metric == "revenue":
        if variance is None or not variance > 0:
            raise UsageError("planning for revenue needs its variance", fix="take it from history_of(…)")
        return effect / math.sqrt(variance), (variance, variance)
    size = 2 * (math.asin(math.sqrt(baseline + effect)) - math.asin(math.sqrt(baseline)))  # Cohen's h
    changed = baseline + effect
    return size, (baseline * (1 - baseline), changed * (1 - changed))


def _smallest(
    spec: ExperimentSpec, baseline: float, variance: float | None, audience: int, alpha: float
) -> float:
    """The relative effect that the audience can show, of the arm with the smallest share."""
    shares = spec.shares
    control = shares[spec.baseline]
    ratio = min(share for name, share in shares.items() if name != spec.baseline) / control
    if audience * control * min(1, ratio) < 2:
        return float("nan")
    power = _statsmodels().NormalIndPower()
    size = float(
        power.solve_power(None, nobs1=audience * control, alpha=alpha, power=spec.power, ratio=ratio)
    )
    if spec.metric == "revenue":
        return size * math.sqrt(variance or 0) / baseline
    angle = math.asin(math.sqrt(baseline))
    if spec.metric in LOWER_IS_BETTER:
        return 1 - math.sin(max(0.0, angle - size / 2)) ** 2 / baseline
    return math.sin(min(math.pi / 2, angle + size / 2)) ** 2 / baseline - 1


def _warning(needed: int, sequential: int, audience: int, smallest: float) -> str | None:
    if audience >= sequential:
        return None
    short = f"{needed:,} profiles are needed ({sequential:,} when looked at every day)"
    if audience >= needed:
        return f"{short}; the {audience:,} there are carry the test only if it is looked at once, at its end."
    if math.isnan(smallest):
        return f"{short}, and there are {audience:,}."
    return (
        f"{short}, and there are {audience:,}: they show a change of {smallest:.0%} or more, no smaller one."
    )


def _statsmodels() -> ModuleType:
    try:
        from statsmodels.stats import power
    except ImportError as error:
        raise MissingExtraError(
            "statsmodels", extra="measure", needed_for="planning an experiment"
        ) from error
    return power  # type: ignore[no-any-return]
