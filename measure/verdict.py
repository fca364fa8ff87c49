"""What an experiment says, in one sentence for a person who has to decide."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mailwright.model.experiment import LOWER_IS_BETTER
from measure.experiments import ArmResult, Comparison, ExperimentResult
from measure.sequential import profiles_needed

MIN_EVENTS = 10
"""Of each kind (did, did not) in each arm, before the sequential test, which is asymptotic, is believed."""

Kind = Literal["no_data", "broken", "not_enough", "winner", "no_difference", "undecided"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``arm`` is the winner's name (the control's, when all others are worse), else None."""

    kind: Kind
    text: str
    arm: str | None = None
    days: int | None = None
    """How many more days, where that can be said."""


def judge(result: ExperimentResult, now: datetime) -> Verdict:
    """Say what may be concluded from the experiment at ``now``, however often it was looked at before."""
    profiles = sum(arm.profiles for arm in result.arms)
    if not profiles:
        return Verdict("no_data", "No mail of this experiment has been sent yet.")
    if not result.is_balanced:
        sizes = ", ".join(f"{arm.name} {arm.profiles:,}" for arm in result.arms)
        return Verdict(
            "broken",
            f"The arms' sizes ({sizes}) do not follow their shares (p = {result.ratio_p:.1g}): mails of one "
            "arm were lost or skipped. Find out why; nothing can be concluded until then.",
        )
    if len(result.arms) < 2:
        return Verdict(
            "not_enough", f"Only the arm {result.arms[0].name!r} has been sent: nothing to compare."
        )
    control = result.arm(result.control)
    if thin := [arm for arm in result.arms if _events(arm, result.metric) < MIN_EVENTS]:
        names = " and ".join(repr(arm.name) for arm in thin)
        return _not_enough(
            result, control, f"fewer than {MIN_EVENTS} profiles {result.metric} in {names}", now
        )
    return _winner(result, control) or _same(result, control) or _not_enough(result, control, "", now)


def _winner(result: ExperimentResult, control: ArmResult) -> Verdict | None:
    """An arm that the sequential test finds better than the control, or the control, better than all."""
    sign = -1 if result.metric in LOWER_IS_BETTER else 1
    alpha = result.settings.alpha
    shown = [one for one in result.comparisons if one.always_p < alpha]
    better = [one for one in shown if sign * one.difference > 0]
    if better:
        best = max(better, key=lambda one: sign * one.difference)
        text = f"{best.arm!r} wins: {_change(result, control, best)}."
        return Verdict("winner", text, arm=best.arm)
    if shown and len(shown) == len(result.comparisons):
        least = max(shown, key=lambda one: sign * one.difference)
        text = f"{control.name!r} wins: the best of the others, {least.arm!r}, is worse: "
        return Verdict("winner", text + f"{_change(result, control, least)}.", arm=control.name)
    return None


def _same(result: ExperimentResult, control: ArmResult) -> Verdict | None:
    """No arm differs by as much as is worth knowing of."""
    least = result.settings.minimum_effect * control.value
    if all(-least < one.always_low and one.always_high < least for one in result.comparisons):
        text = f"No difference worth knowing of: less than {least:{_form(result)}} either way. Take either."
        return Verdict("no_difference", text)
    return None


def _not_enough(result: ExperimentResult, control: ArmResult, why: str, now: datetime) -> Verdict:
    """How many profiles are missing, and how long it takes until they have come."""
    missing = _missing(result, control)
    reason = f" ({why})" if why else ""
    if missing is None:
        return Verdict("not_enough", f"Not enough yet{reason}: too little has happened to say how many more.")
    if missing <= 0:
        spread = "; ".join(
            f"{one.arm!r} between {one.always_low:+{_form(result)}} and {one.always_high:+{_form(result)}}"
            for one in result.comparisons
        )
        return Verdict("undecided", f"Undecided{reason}, though enough profiles have come: {spread}.")
    per_day = _profiles_a_day(result, now)
    if per_day <= 0:
        text = f"Not enough{reason}: {missing:,} more profiles are needed, and none came in the last 7 days."
        return Verdict("not_enough", text)
    days = math.ceil(missing / per_day)
    unit = "day" if days == 1 else "days"
    text = (
        f"Not enough yet{reason}: about {days:,} more {unit}, {missing:,} profiles at {per_day:,.0f} a day."
    )
    return Verdict("not_enough", text, days=days)


def _missing(result: ExperimentResult, control: ArmResult) -> int | None:
    """Profiles, in all arms, that are still needed to show the minimum effect; None when that is unknown."""
    settings = result.settings
    total, needed = sum(arm.profiles for arm in result.arms), 0.0
    effect = settings.minimum_effect * control.value
    variance = float(control.sample(result.metric).variance)
    if not effect > 0 or not variance > 0:
        return None
    for comparison in result.comparisons:
        arm = result.arm(comparison.arm)
        pair = arm.profiles + control.profiles
        if not arm.profiles or not control.profiles:
            return None
        unit = variance * pair * (1 / arm.profiles + 1 / control.profiles)
        alpha = settings.alpha / len(result.comparisons)
        enough = profiles_needed(effect, unit, alpha=alpha, power=settings.power, horizon=settings.horizon)
        needed = max(needed, enough * total / pair)
    return max(0, math.ceil(needed - total)) if math.isfinite(needed) else None


def _profiles_a_day(result: ExperimentResult, now: datetime) -> float:
    """How many were enrolled a day, in the last week or since the first of them."""
    since = (now - timedelta(days=7)).date()
    recent = result.days[result.days["day"] > since]
    if recent.empty:
        return 0.0
    return float(recent["profiles"].sum() / max(1, (now.date() - max(since, result.days["day"].min())).days))


def _events(arm: ArmResult, metric: str) -> int:
    """The rarer of "did" and "did not"."""
    hits = arm.hits["converted" if metric == "revenue" else metric]
    return min(hits, arm.profiles - hits)


def _change(result: ExperimentResult, control: ArmResult, one: Comparison) -> str:
    form = _form(result)
    relative = f" ({one.difference / control.value:+.0%})" if control.value else ""
    return (
        f"{result.metric} {result.arm(one.arm).value:{form}} against {control.value:{form}}{relative}, "
        f"the difference between {one.always_low:+{form}} and {one.always_high:+{form}}"
    )


def _form(result: ExperimentResult) -> str:
    return ",.2f" if result.metric == "revenue" else ".2%"
