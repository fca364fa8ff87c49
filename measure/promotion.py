"""Whether an arm may be shown to the rest of the audience: by the experiment's stated rule, or never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from measure.experiments import ExperimentResult
from measure.verdict import judge


@dataclass(frozen=True, slots=True)
class Promotion:
    """``arm`` goes to those who are not enrolled (``assign_arms(…, promoted=…)``); None: nothing changes."""

    experiment: str
    arm: str | None
    why: str


def promote(result: ExperimentResult, now: datetime) -> Promotion:
    """Apply the experiment's ``winner`` rule. An arm is promoted only when every condition of it holds."""
    arm, why = _decide(result, now)
    return Promotion(result.name, arm, why)


def _decide(result: ExperimentResult, now: datetime) -> tuple[str | None, str]:
    if result.spec is None:
        return None, f"version {result.version} is not that of the campaign's file"
    rule = result.spec.winner
    if rule is None:
        return None, "the experiment has no winner rule, so nothing is promoted"
    smallest = min(arm.profiles for arm in result.arms)
    if smallest < rule.min_profiles:
        return None, f"the smallest arm has {smallest:,} profiles of the {rule.min_profiles:,} asked for"
    if result.started is None or now - result.started < timedelta(hours=rule.min_hours):
        return None, f"the first mail went less than {rule.min_hours:g} hours ago"
    verdict = judge(result, now)
    return verdict.arm, verdict.text
