"""Judging, the gate, versions, and the search for parameters."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from mailwright.errors import DataError, ModelError
from recommend import ModelVersions, evaluate, recommend_items, train, tune
from recommend.metrics import judge, summarise
from recommend.plots import plot_evaluation
from tests.recommend.conftest import checkerboard, interactions_of


@pytest.fixture(scope="module")
def story(shop):
    """The checkerboard forty days ago, and since then one more item of each profile's colour."""
    rows = [(p, i, e, days + 40) for p, i, e, days in checkerboard()]
    rows += [(f"p{p:02}", f"i{2 * ((p // 2 + 7) % 10) + p % 2:02}", "order_completed", 5) for p in range(40)]
    rows += [("p39", "i00", "product_viewed", 3)]
    return shop[0], interactions_of(rows), shop[2]


@pytest.fixture(scope="module")
def evaluation(story, spec, now):
    segments = pa.table({"segment:half": [k < 20 for k in range(40)], "segment:none": [False] * 40})
    return evaluate(*story, spec, now=now, seed=1, n=5, segments=segments)


def relevant(rows, items):
    matrix = np.zeros((len(rows), items))
    for row, wanted in enumerate(rows):
        matrix[row, wanted] = 1
    return sparse.csr_matrix(matrix)


def test_metrics_of_a_ranking_worked_out_by_hand():
    items = np.array([[3, 1, 2], [0, 1, -1], [4, 4, 4]])
    judged = judge(items, relevant([[1, 2, 5, 6], [0], []], 8))
    assert judged.rows.tolist() == [0, 1]
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert judged.ndcg == pytest.approx([(1 / np.log2(3) + 1 / 2) / ideal, 1])
    assert judged.recall == pytest.approx([2 / 4, 1])
    assert judged.precision == pytest.approx([(1 / 2 + 2 / 3) / 3, 1])
    assert judged.hit.tolist() == [1, 1]
    found = summarise(judged, items, np.full(8, 0.25))
    assert found.coverage == 5 / 8
    assert found.novelty == pytest.approx(2)
    assert found.profiles == 2


def test_the_model_finds_what_popularity_cannot(evaluation):
    assert evaluation.overall.profiles == 40
    assert evaluation.overall.ndcg > evaluation.popularity.ndcg
    assert evaluation.overall.recall == 1
    assert evaluation.sources["collaborative"] == 40 * 5


def test_figures_come_by_segment_and_for_cold_profiles(evaluation, story, spec, now):
    assert evaluation.segments["half"][0].profiles == 20
    assert evaluation.segments["none"][0].profiles == 0
    assert evaluation.cold.profiles == 0
    colder = spec.model_copy(update={"min_interactions": 8})
    assert evaluate(*story, colder, now=now, seed=1).cold.profiles == 40


def test_nothing_of_the_window_is_known_to_the_model_judged(story, spec, now):
    profiles, interactions, items = story
    cut = now - timedelta(days=28)
    late = train(interactions, items, spec, now=now, seed=1)
    with pytest.raises(DataError, match="inside the window"):
        evaluate(*story, spec, now=now, seed=1, model=late)
    early = train(interactions, items, spec, now=cut, seed=1)
    assert early.info.dropped == {"in the future": 41}
    by_model = evaluate(*story, spec, now=now, seed=1, model=early)
    assert by_model.overall == evaluate(*story, spec, now=now, seed=1).overall
    assert recommend_items(early, profiles, interactions, items, spec, n=3, now=cut).items.shape == (40, 3)


def test_an_empty_window_cannot_be_judged_by(story, spec, now):
    with pytest.raises(DataError, match="longer window"):
        evaluate(*story, spec, now=now, seed=1, window_days=1)


def test_the_gate_lets_pass_what_beats_the_model_in_place_or_brings_it_up_to_date(evaluation):
    assert evaluation.verdict(None).promote
    worse = replace(evaluation, ndcg=evaluation.ndcg * 0.5)
    assert evaluation.verdict(worse).promote
    assert not evaluation.verdict(evaluation).promote
    assert evaluation.verdict(evaluation, same_recipe=True).promote
    refused = worse.verdict(evaluation)
    assert not refused.promote
    assert refused.difference < 0
    assert refused.high < 0
    assert (
        not replace(evaluation, overall=evaluation.popularity, popularity=evaluation.overall)
        .verdict(None)
        .promote
    )
    with pytest.raises(DataError, match="same window"):
        evaluation.verdict(replace(evaluation, n=3))


def test_versions_are_kept_put_in_place_and_taken_back(tmp_path, shop, spec, now, model, evaluation):
    shelf = ModelVersions(tmp_path / "models")
    with pytest.raises(ModelError, match="there is no model"):
        shelf.current()
    first = shelf.add(model, evaluation)
    with pytest.raises(ModelError, match="there is no model"):
        shelf.current()
    shelf.promote(first)
    other = train(shop[1], shop[2], spec, now=now + timedelta(days=1), seed=2)
    second = shelf.add(other)
    assert shelf.current().fingerprint == model.fingerprint
    shelf.promote(second)
    assert shelf.current().fingerprint == other.fingerprint
    assert [(one.name, one.in_place, one.ndcg) for one in shelf.versions()] == [
        (first, False, evaluation.overall.ndcg),
        (second, True, None),
    ]
    assert shelf.rollback() == first
    assert shelf.current().fingerprint == model.fingerprint
    with pytest.raises(ModelError, match="no model was in place before"):
        shelf.rollback()
    with pytest.raises(ModelError, match="did you mean"):
        shelf.promote(first[:-1])


def test_a_damaged_version_is_not_put_in_place(tmp_path, model):
    shelf = ModelVersions(tmp_path / "models")
    name = shelf.add(model)
    (tmp_path / "models" / "versions" / name / "item_bias.npy").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not the file"):
        shelf.promote(name)


def test_old_versions_go_but_never_the_one_in_place(tmp_path, model):
    shelf = ModelVersions(tmp_path / "models")
    names = []
    for day in range(14):
        info = replace(model.info, trained_at=f"2026-11-{day + 1:02}T00:00:00+00:00")
        names.append(shelf.add(replace(model, info=info)))
        if day in (0, 13):
            shelf.promote(names[-1])
    kept = [one.name for one in shelf.versions()]
    assert {names[0], names[13]} <= set(kept)
    assert len(kept) <= 8
    assert shelf.rollback() == names[0]


def test_the_search_tries_what_was_given_first_and_keeps_the_best(story, spec, now):
    told = []
    small = spec.model_copy(update={"epochs": 3})
    found = tune(*story, small, now=now, seed=3, models=2, blends=5, progress=lambda *at: told.append(at))
    assert [trial.parameters for trial in found.trials[:1]] == [{}]
    assert told == [(k, 7) for k in range(1, 8)]
    best = max(trial.ndcg for trial in found.trials)
    ranked = evaluate(*story, found.spec, now=now, seed=3)
    assert ranked.overall.ndcg == pytest.approx(best)
    assert found.summary()["ndcg"] == best
    again = tune(*story, small, now=now, seed=3, models=2, blends=5)
    assert again == found


def test_the_search_is_written_down_with_the_model(shop, spec, now):
    model = train(shop[1], shop[2], spec, now=now, seed=1, tuning={"trials": 7})
    assert model.info.tuning == {"trials": 7}


def test_an_evaluation_can_be_seen(evaluation, tmp_path):
    plot_evaluation(evaluation, tmp_path / "evaluation.svg")
    text = (tmp_path / "evaluation.svg").read_text()
    assert text.count("<svg") == 1
