"""What is exported is what Surprise knows, and staged training is what one continuous run would be."""

from __future__ import annotations

import numpy as np
import pytest
from surprise import NMF, SVD, BaselineOnly, SVDpp

from mailwright.errors import DataError
from recommend import algorithms, recommend_items, svd, train
from recommend.algorithms import fit_algorithm
from recommend.ratings import gather_pairs, read_events
from recommend.sampling import RatedTrainset, SampledTrainset
from recommend.topn import largest
from tests.recommend.conftest import ITEMS, PROFILES, interactions_of, items_of


@pytest.fixture(scope="module")
def pairs(shop, spec, now):
    _, interactions, items = shop
    return gather_pairs(read_events(interactions, items["item_id"], spec, now), ITEMS)


def sampled(pairs):
    return SampledTrainset(pairs, ITEMS, negatives=2, seed=3, on_epoch=lambda: None)


def fitted_by_surprise(algorithm, monkeypatch, pairs, spec):
    """Fit, and keep the algorithm of Surprise that was fitted."""
    kept = []
    for kind in (SVD, SVDpp, NMF, BaselineOnly):
        fit = kind.fit

        def keep(self, trainset, fit=fit):
            kept.append(self)
            return fit(self, trainset)

        monkeypatch.setattr(kind, "fit", keep)
    found = fit_algorithm(pairs, ITEMS, spec.model_copy(update={"algorithm": algorithm}), seed=3)
    return found, kept


@pytest.mark.parametrize("algorithm", ["svdpp", "nmf", "baseline"])
def test_exported_scores_are_surprises_estimates(algorithm, monkeypatch, pairs, spec):
    found, kept = fitted_by_surprise(algorithm, monkeypatch, pairs, spec)
    scores = found.profile_factors @ found.item_factors.T + found.mean
    scores += found.profile_bias[:, None] + found.item_bias
    for profile in range(PROFILES):
        for item in range(ITEMS):
            assert abs(scores[profile, item] - kept[-1].estimate(profile, item)) < 1e-9


def test_the_models_scores_are_surprises_estimates_where_both_are_known(spec, model, pairs):
    averaged = SVD(n_factors=spec.factors, biased=False, n_epochs=0).fit(sampled(pairs))
    averaged.pu, averaged.qi = np.asarray(model.profile_factors), np.asarray(model.item_factors)
    rows, items = (grid.ravel() for grid in np.mgrid[:PROFILES, :ITEMS])
    surprise = [averaged.estimate(profile, item) for profile, item in zip(rows, items, strict=True)]
    assert np.abs(model.estimate(rows, items) - surprise).max() < 1e-9


def test_staged_training_is_one_continuous_run(monkeypatch, pairs):
    monkeypatch.setattr(svd, "STAGES", ((21, 0.05),))
    monkeypatch.setattr(svd, "AVERAGED", 1)
    profiles, items = svd.fit_svd(sampled(pairs), factors=6, epochs=9, seed=5)
    whole = SVD(
        n_factors=6, n_epochs=9, biased=False, lr_all=0.05, reg_all=svd.REGULARISATION,
        init_std_dev=svd.INIT_STD_DEV, random_state=5,
    ).fit(sampled(pairs))  # fmt: skip
    assert np.array_equal(profiles, whole.pu)
    assert np.array_equal(items, whole.qi)
    assert svd.schedule(9) == [(8, 0.05), (1, 0.05)]


@pytest.mark.parametrize("epochs", [1, 2, 4, 5, 21, 100])
def test_a_schedule_has_every_epoch_once_and_falling_rates(epochs):
    steps = svd.schedule(epochs)
    assert sum(count for count, _ in steps) == epochs
    rates = [rate for _, rate in steps]
    assert rates == sorted(rates, reverse=True)


def test_an_epoch_shows_the_positives_and_new_negatives_each_time(pairs):
    trainset = sampled(pairs)
    first, second = list(trainset.all_ratings()), list(trainset.all_ratings())
    assert len(first) == len(second) == 3 * len(pairs.item)
    met = set(zip(pairs.profile.tolist(), pairs.item.tolist(), strict=True))
    assert all(target == ((profile, item) in met) for profile, item, target in first)
    assert {(p, i) for p, i, t in first if not t} != {(p, i) for p, i, t in second if not t}


def test_a_pair_comes_up_in_proportion_to_its_strength(pairs):
    trainset = sampled(pairs)
    epochs = 400
    shown = np.zeros((PROFILES, ITEMS))
    for _ in range(epochs):
        ticks = trainset.all_ratings()
        for profile, item, target in ticks:
            shown[profile, item] += target
    expected = pairs.strength / pairs.strength.mean()
    # A negative drawn that was met counts as a positive too: two thirds of an epoch over the twenty items.
    chance = 2 * 7 / ITEMS
    measured = shown[pairs.profile, pairs.item] / epochs
    assert np.abs(measured - expected - chance).max() < 0.25


def test_an_id_out_of_range_never_reaches_surprise(pairs):
    with pytest.raises(DataError, match="not in the catalogue"):
        RatedTrainset(pairs, ITEMS - 1, np.ones(len(pairs.item)), on_epoch=lambda: None)


def test_explicit_ratings_are_learned_as_they_are(now, spec):
    rng = np.random.default_rng(0)
    rows = [
        (f"p{p}", f"i{i:02}", 5 if p % 2 == i % 2 else 1)
        for p in range(30)
        for i in range(12)
        if rng.random() < 0.5
    ]
    table = interactions_of([(p, i, "order_completed", 1) for p, i, _ in rows])
    table = table.append_column("stars", [[float(stars) for *_, stars in rows]])
    explicit = spec.model_copy(update={"rating": "stars", "epochs": 100})
    model = train(table, items_of(12), explicit, now=now, seed=4)
    ids = model.profile_ids.to_pylist()
    stars = np.array([stars for *_, stars in rows])
    found = model.estimate(
        np.array([ids.index(profile) for profile, *_ in rows]),
        np.array([int(item[1:]) for _, item, _ in rows]),
    )
    assert model.info.mean == pytest.approx(stars.mean())
    assert found[stars == 5].mean() > found[stars == 1].mean() + 2


@pytest.mark.parametrize("algorithm", ["svd", "svdpp", "nmf", "knn"])
def test_every_algorithm_finds_the_checkerboard(algorithm, shop, spec, now):
    profiles, interactions, items = shop
    chosen = spec.model_copy(update={"algorithm": algorithm})
    model = train(interactions, items, chosen, now=now, seed=1)
    found = recommend_items(model, profiles, interactions, items, chosen, n=3, now=now)
    own_colour = found.items % 2 == np.arange(PROFILES)[:, None] % 2
    assert own_colour.mean() > 0.95


def test_knn_refuses_a_catalogue_it_cannot_hold(monkeypatch, shop, spec, now):
    monkeypatch.setattr(algorithms, "MOST_KNN_ITEMS", 5)
    with pytest.raises(DataError, match="svd"):
        train(shop[1], shop[2], spec.model_copy(update={"algorithm": "knn"}), now=now, seed=1)


@pytest.mark.parametrize("width", [1, 10, 63, 64, 65, 1000, 5003])
@pytest.mark.parametrize("n", [1, 3, 10])
def test_the_largest_are_the_largest(width, n):
    n = min(n, width)
    block = np.random.default_rng(width).normal(size=(17, width)).astype(np.float32)
    block[3] = 0
    block[4, ::2] = -np.inf
    found = np.sort(np.take_along_axis(block, largest(block, n), axis=1), axis=1)
    assert np.array_equal(found, np.sort(block, axis=1)[:, width - n :])
    assert all(len(set(row)) == n for row in largest(block, n).tolist())
