"""Scores: what can be predicted is, what cannot is not published, and the future never leaks into the
past."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import skops.io
from threadpoolctl import threadpool_limits

from mailwright.errors import DataError, ModelError, UsageError
from segments import fit_scores, take_score
from segments.fitted import Fitted
from segments.learners import fit_learner
from segments.scoremodel import ScoreModel, load_score
from segments.targets import TARGETS, cohort_at, outcomes

NOW = datetime(2026, 6, 1, tzinfo=UTC)
STAMP = pa.timestamp("us", "UTC")
ITEMS = pa.table({"item_id": ["i"], "title": ["Thing"], "category": ["c"], "price": [10.0]})


def shop(count: int, *, keen: bool, seed: int = 3) -> tuple[pa.Table, pa.Table]:
    """A year of orders. With ``keen`` every fourth profile orders weekly and the others twice a year;
    without, everyone orders at the same random rate, so that nothing can be known."""
    rng = np.random.default_rng(seed)
    who: list[str] = []
    when: list[datetime] = []
    for n in range(count):
        gap = (7.0 if n % 4 == 0 else 180.0) if keen else 60.0
        day = float(rng.uniform(0, gap))
        while day < 360:
            who.append(f"p{n:04d}")
            when.append(NOW - timedelta(days=day))
            day += float(rng.exponential(gap))
    amount = rng.uniform(10, 100, len(who))
    events = pa.table(
        {
            "profile_id": who,
            "item_id": ["i"] * len(who),
            "event": ["order_completed"] * len(who),
            "at": pa.array(when, STAMP),
            "quantity": pa.array([1] * len(who), pa.int64()),
            "amount": amount,
        }
    )
    people = pa.table({"profile_id": [f"p{n:04d}" for n in range(count)], "timezone": ["UTC"] * count})
    return people, events.sort_by([("profile_id", "ascending"), ("at", "ascending")])


@pytest.mark.parametrize("learner", ["linear", "tree", "boosting"])
def test_what_can_be_known_is_predicted(learner: str) -> None:
    people, events = shop(600, keen=True)
    score = fit_scores(people, events, ITEMS, now=NOW, targets=["purchase_30d"], learner=learner)[
        "purchase_30d"
    ]  # type: ignore[arg-type]
    assert score.published
    assert score.quality is not None
    assert score.quality.auc > 0.8
    assert score.quality.lift > 1.8
    assert score.quality.error < score.quality.base_error
    values = np.array([value if value is not None else np.nan for value in score.values.to_pylist()])
    assert np.nanmin(values) >= 0
    assert np.nanmax(values) <= 1
    keen = np.arange(600) % 4 == 0
    assert np.nanmean(values[keen]) > 0.9
    assert np.nanmean(values[~keen]) < 0.4
    assert abs(np.nanmean(values) - score.quality.rate) < 0.1
    (reasons,) = score.reasons([0])
    assert reasons
    assert "usually" in reasons[0]


def test_money_is_expected_where_it_was_spent() -> None:
    people, events = shop(400, keen=True)
    score = fit_scores(people, events, ITEMS, now=NOW, targets=["value_90d"], learner="tree")["value_90d"]
    assert score.published
    values = np.array([value or 0.0 for value in score.values.to_pylist()])
    keen = np.arange(400) % 4 == 0
    assert 400 < values[keen].mean() < 1_000  # about thirteen orders of 55
    assert values[~keen].mean() < 100


def test_noise_is_not_published() -> None:
    people, events = shop(500, keen=False)
    score = fit_scores(people, events, ITEMS, now=NOW, targets=["purchase_30d"], learner="linear")[
        "purchase_30d"
    ]
    assert not score.published
    assert score.values.null_count == 500
    assert "below 0.65" in score.note
    assert score.reasons([0]) == [()]


def test_too_few_profiles_are_no_ground_for_a_score() -> None:
    people, events = shop(50, keen=True)
    score = fit_scores(people, events, ITEMS, now=NOW, targets=["churn_90d"])["churn_90d"]
    assert not score.published
    assert "too few" in score.note


def test_same_data_same_version_and_values() -> None:
    people, events = shop(300, keen=True)
    one, two = (
        fit_scores(people, events, ITEMS, now=NOW, targets=["purchase_30d"], learner="tree")["purchase_30d"]
        for _ in range(2)
    )
    assert one.version == two.version
    assert one.values.equals(two.values)


def test_nothing_after_the_moment_is_known() -> None:
    people, events = shop(60, keen=True)
    then = NOW - timedelta(days=60)
    past = events.filter(pa.compute.less_equal(events["at"], pa.scalar(then, STAMP)))
    whole, cut = (cohort_at(people, each, ITEMS, then) for each in (events, past))
    assert np.array_equal(whole.matrix, cut.matrix, equal_nan=True)


def test_outcomes_are_those_of_the_days_after() -> None:
    people = pa.table({"profile_id": ["a", "b", "c"]})
    days = [("a", 1.0), ("a", 0.0), ("b", 31.0), ("stranger", 1.0), ("a", 30.0)]
    events = pa.table(
        {
            "profile_id": [who for who, _ in days],
            "event": ["order_completed"] * 5,
            "at": pa.array([NOW + timedelta(days=day) for _, day in days], STAMP),
            "amount": [5.0, 100.0, 7.0, 9.0, None],
        }
    )
    assert outcomes(people, events, TARGETS["purchase_30d"], NOW).tolist() == [1, 0, 0]
    assert outcomes(people, events, TARGETS["churn_90d"], NOW).tolist() == [0, 0, 1]
    assert outcomes(people, events, TARGETS["value_90d"], NOW).tolist() == [5, 7, 0]


def test_a_score_from_outside_is_taken_the_same_way() -> None:
    frame = pa.table({"theirs": [0.5, 1.5, None, float("nan"), -0.1], "text": ["a"] * 5})
    score = take_score(frame, "theirs", name="propensity", version="v7")
    assert score.values.to_pylist() == [0.5, None, None, None, None]
    assert (score.version, score.published) == ("v7", True)
    assert score.note.startswith("3 values")
    with pytest.raises(DataError, match="no column 'their'"):
        take_score(frame, "their", name="x", version="1")
    with pytest.raises(DataError, match="text cannot be a score"):
        take_score(frame, "text", name="x", version="1")
    with pytest.raises(UsageError, match=r"unknown score 'churn'(.|\n)*churn_90d"):
        fit_scores(frame, frame, frame, now=NOW, targets=["churn"])


@pytest.mark.parametrize("learner", ["linear", "tree", "boosting"])
@pytest.mark.parametrize("cases", [40, 1_100])
@pytest.mark.parametrize("money", [False, True])
def test_a_kept_model_says_the_same_and_so_does_it_of_one_profile(
    tmp_path: Path, learner: str, cases: int, money: bool
) -> None:
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(2_400, 21))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    outcome = np.zeros(2_400)
    outcome[np.argsort(-np.nan_to_num(matrix[:, 0]) + rng.normal(size=2_400) / 4)[:cases]] = 1
    with threadpool_limits(1):
        fitted = fit_learner(learner, money, matrix, outcome * (50.5 if money else 1), 0)
    target = "value_90d" if money else "purchase_30d"
    model = ScoreModel(target, learner, "v", "", usual=(math.nan, 1.0), fitted=fitted)
    model.save(tmp_path / "score")
    again = load_score(tmp_path / "score")
    assert again.fitted is not None
    assert again.fitted(matrix).tolist() == fitted(matrix).tolist()
    assert [float(again.fitted(matrix[n : n + 1])[0]) for n in range(20)] == fitted(matrix)[:20].tolist()
    assert math.isnan(again.usual[0])


def test_a_kept_model_that_would_run_something_is_not_read(tmp_path: Path) -> None:
    ScoreModel("purchase_30d", "tree", "v", "", fitted=Fitted(np.arange(1), False, 0.5)).save(tmp_path)
    (tmp_path / "score.skops").write_bytes(skops.io.dumps(os.system))
    with pytest.raises(ModelError, match="no score can be read"):
        load_score(tmp_path)


def test_a_score_of_others_is_held_to_its_stated_quality() -> None:
    frame = pa.table({"theirs": [0.1, 0.9]})
    poor = take_score(frame, "theirs", name="x", version="1", auc=0.6)
    assert (poor.published, poor.values.null_count) == (False, 2)
    assert take_score(frame, "theirs", name="x", version="1", auc=0.7).published
