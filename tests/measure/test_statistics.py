"""The statistics keep their word: against statsmodels, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    proportion_effectsize,
    proportions_ztest,
)
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from mailwright.errors import MissingExtraError, UsageError
from mailwright.model.experiment import ExperimentSpec
from measure import plan_experiment, planning
from measure.rates import Sample, benjamini_hochberg, holm, mean_difference, rate_difference, wilson
from measure.sequential import profiles_needed, sequential_difference

EXPERIMENTS, DAYS, A_DAY, RATE, ALPHA = 10_000, 28, 500, 0.05, 0.05
SPREAD = 3.5
"""Standard errors that a simulated share may be off: one run in two thousand would be."""


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    trials = draw(st.integers(1, 5000))
    return draw(st.integers(0, trials)), trials


@given(counts(), st.sampled_from([0.01, 0.05, 0.2]))
def test_wilson_agrees_with_statsmodels(pair: tuple[int, int], alpha: float) -> None:
    low, high = wilson(*pair, alpha)
    assert (low, high) == pytest.approx(proportion_confint(*pair, alpha, method="wilson"), abs=1e-12)
    assert 0 <= low <= pair[0] / pair[1] <= high <= 1


@given(counts(), counts())
def test_differences_agree_with_statsmodels(a: tuple[int, int], b: tuple[int, int]) -> None:
    found = rate_difference(*a, *b)
    expected = confint_proportions_2indep(*b, *a, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)
    if 0 < a[0] + b[0] < a[1] + b[1]:
        _, p = proportions_ztest([b[0], a[0]], [b[1], a[1]])
        assert found.p == pytest.approx(p, abs=1e-9)
    else:
        assert found.p == 1  # nobody did, or everybody did


@settings(max_examples=20, deadline=None)  # statsmodels takes its time over Holm
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_corrections_agree_with_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])


def test_means_agree_with_statsmodels() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.exponential(3, 200), rng.exponential(4, 150)
    samples = [Sample.of(len(x), x.sum(), (x * x).sum()) for x in (a, b)]
    found = mean_difference(*samples)
    welch = CompareMeans(DescrStatsW(b), DescrStatsW(a))
    assert (found.low, found.high) == pytest.approx(welch.tconfint_diff(usevar="unequal"))
    assert found.p == pytest.approx(welch.ttest_ind(usevar="unequal")[1])


def test_what_is_unknown_stays_unknown() -> None:
    assert np.isnan(wilson(0, 0)).all()
    nothing = rate_difference(0, 0, 1, 10)
    assert np.isnan([nothing.value, nothing.low, nothing.high, nothing.p]).all()
    assert np.isnan(mean_difference(Sample.of(0, 0, 0), Sample.of(5, 5, 5)).p)
    nobody, five = Sample.of(0, 0, 0), Sample.of(5, 5, 5)
    assert np.isnan(sequential_difference(nobody, five, alpha=0.05, horizon=100).low)
    assert np.isnan(holm([np.nan])).all()
    assert holm([0.01, np.nan, 0.04])[[0, 2]] == pytest.approx([0.02, 0.04])


def cumulative(rng: np.random.Generator, rate: float) -> np.ndarray:
    return rng.binomial(A_DAY, rate, (EXPERIMENTS, DAYS)).cumsum(axis=1)


def test_ten_thousand_experiments_without_any_effect() -> None:
    rng = np.random.default_rng(20260301)
    a, b = cumulative(rng, RATE), cumulative(rng, RATE)
    trials = np.broadcast_to(np.arange(1, DAYS + 1) * A_DAY, a.shape)
    error = SPREAD * np.sqrt(ALPHA * (1 - ALPHA) / EXPERIMENTS)
    once = rate_difference(a, trials, b, trials)
    assert (once.p[:, -1] < ALPHA).mean() == pytest.approx(ALPHA, abs=error)
    assert (once.p < ALPHA).any(axis=1).mean() > 4 * ALPHA  # why one does not peek at this one
    for horizon in (2_000, 20_000, 200_000):
        always = sequential_difference(
            Sample.of_rate(a, trials), Sample.of_rate(b, trials), alpha=ALPHA, horizon=horizon
        )
        assert (always.p < ALPHA).any(axis=1).mean() <= ALPHA + error
        left_out = (always.low > 0) | (always.high < 0)
        assert (left_out == (always.p < ALPHA)).all()


def test_the_sequence_is_not_so_careful_as_to_be_blind() -> None:
    rng = np.random.default_rng(7)
    a, b = cumulative(rng, RATE), cumulative(rng, RATE * 1.3)
    trials = np.broadcast_to(np.arange(1, DAYS + 1) * A_DAY, a.shape)
    always = sequential_difference(
        Sample.of_rate(a, trials), Sample.of_rate(b, trials), alpha=ALPHA, horizon=20_000
    )
    found = always.p < ALPHA
    assert found.any(axis=1).mean() > 0.95
    wrong_way = found & (always.value < 0)
    assert wrong_way.any(axis=1).mean() < ALPHA / 2


def test_the_sequence_covers_a_known_effect_at_every_look_at_once() -> None:
    rng = np.random.default_rng(8)
    a, b = cumulative(rng, RATE), cumulative(rng, RATE * 1.2)
    trials = np.broadcast_to(np.arange(1, DAYS + 1) * A_DAY, a.shape)
    always = sequential_difference(
        Sample.of_rate(a, trials), Sample.of_rate(b, trials), alpha=ALPHA, horizon=20_000
    )
    covered = ((always.low <= RATE * 0.2) & (always.high >= RATE * 0.2)).all(axis=1)
    assert covered.mean() >= 1 - ALPHA


@pytest.mark.parametrize(("rate", "effect"), [(0.05, 0.1), (0.003, 0.5), (0.5, 0.05)])
def test_intervals_cover_a_known_difference_as_often_as_they_say(rate: float, effect: float) -> None:
    rng = np.random.default_rng(9)
    n = 5_000
    a, b = rng.binomial(n, rate, EXPERIMENTS), rng.binomial(n, rate * (1 + effect), EXPERIMENTS)
    found = rate_difference(a, n, b, n)
    covered = ((found.low <= rate * effect) & (rate * effect <= found.high)).mean()
    assert covered == pytest.approx(0.95, abs=0.01)


def test_money_is_covered_too() -> None:
    rng = np.random.default_rng(10)
    n, runs = 2_000, 2_000
    samples = []
    for share in (0.10, 0.13):
        spent = rng.exponential(40, (runs, n)) * (rng.random((runs, n)) < share)
        samples.append(Sample.of(np.full(runs, n), spent.sum(axis=1), (spent**2).sum(axis=1)))
    found = mean_difference(*samples)
    covered = ((found.low <= 1.2) & (found.high >= 1.2)).mean()
    assert covered == pytest.approx(0.95, abs=0.02)


def plan(baseline: float = 0.05, audience: int = 100_000, **changes: object) -> planning.ExperimentPlan:
    options = {key: changes.pop(key) for key in ("variance", "profiles_per_day") if key in changes}
    spec = ExperimentSpec.model_validate({"arms": {"a": {}, "b": {}}, **changes})
    return plan_experiment(spec, baseline=baseline, audience=audience, **options)  # type: ignore[arg-type]


def test_the_sample_size_is_that_of_statsmodels() -> None:
    size = proportion_effectsize(0.055, 0.05)
    alone = NormalIndPower().solve_power(size, alpha=0.05, power=0.8)
    found = plan()
    assert found.per_arm == {"a": int(np.ceil(alone)), "b": int(np.ceil(alone))}
    uneven = plan(arms={"a": {"share": 0.8}, "b": {"share": 0.2}})
    control = NormalIndPower().solve_power(size, alpha=0.05, power=0.8, ratio=0.25)
    assert uneven.per_arm["a"] == int(np.ceil(control))
    three = plan(arms={"a": {}, "b": {}, "c": {}})
    assert three.per_arm["a"] == int(np.ceil(NormalIndPower().solve_power(size, alpha=0.025, power=0.8)))


def test_the_planned_sample_has_the_stated_power() -> None:
    rng = np.random.default_rng(11)
    n = plan().per_arm["a"]
    a, b = rng.binomial(n, 0.05, EXPERIMENTS), rng.binomial(n, 0.055, EXPERIMENTS)
    assert (rate_difference(a, n, b, n).p < 0.05).mean() == pytest.approx(0.8, abs=0.015)


def test_the_sequential_sample_has_the_stated_power() -> None:
    rng = np.random.default_rng(12)
    unit = 2 * (0.05 * 0.95 + 0.06 * 0.94)
    total = int(profiles_needed(0.01, unit, alpha=0.05, power=0.8, horizon=20_000))
    n = total // 2
    a, b = rng.binomial(n, 0.05, EXPERIMENTS), rng.binomial(n, 0.06, EXPERIMENTS)
    found = sequential_difference(Sample.of_rate(a, n), Sample.of_rate(b, n), alpha=0.05, horizon=20_000)
    assert (found.p < 0.05).mean() == pytest.approx(0.8, abs=0.015)


def test_a_plan_says_when_the_audience_cannot_carry_the_test() -> None:
    small = plan(audience=5_000, profiles_per_day=100)
    assert small.warning is not None
    assert small.days == int(np.ceil(small.profiles / 100))
    assert f"{small.profiles:,} profiles are needed" in small.warning
    assert plan(audience=small.profiles).warning is not None  # enough for one look only
    assert plan(audience=small.profiles_sequential).warning is None
    assert plan(audience=0).smallest_effect != plan(audience=0).smallest_effect
    at_its_limit = plan(audience=small.profiles)
    assert at_its_limit.smallest_effect == pytest.approx(0.1, rel=0.01)
    assert plan(horizon=small.horizon).profiles_sequential <= small.profiles_sequential


def test_only_the_part_of_the_audience_that_takes_part_is_counted() -> None:
    ramp = [{"at": "2026-01-01T00:00:00Z", "share": 0.2}]
    found = plan(audience=1_000, layer={"name": "s", "end": 0.5}, ramp=ramp)
    assert found.audience == 100


@pytest.mark.parametrize("metric", ["clicked", "unsubscribed", "revenue"])
def test_a_plan_for_every_kind_of_metric(metric: str) -> None:
    found = plan(metric=metric, baseline=0.02, variance=4.0)
    assert (found.effect < 0) == (metric == "unsubscribed")
    assert 0 < found.profiles < found.profiles_sequential


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"baseline": 0.0}, "needs one between 0 and 1"),
        ({"baseline": float("nan")}, "needs one between 0 and 1"),
        ({"baseline": 0.8, "minimum_effect": 0.5}, "ends at 120.0%"),
        ({"metric": "revenue", "baseline": 3.0}, "needs its variance"),
    ],
)
def test_a_plan_that_cannot_be_made_says_why(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(**changes)  # type: ignore[arg-type]


def test_planning_without_statsmodels_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "statsmodels.stats", None)
    with pytest.raises(MissingExtraError, match=r"statsmodels") as caught:
        plan()
    assert "mailwright[measure]" in str(caught.value)
