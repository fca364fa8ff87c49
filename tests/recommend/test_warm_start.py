"""Training that goes on from yesterday's factors, and what a profile of whom little is known is like."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from mailwright.errors import DataError
from mailwright.model.workspace import Blend
from recommend import load_model, recommend_items, save_model, train
from recommend.foldin import Folding, crowd_of, fold_met
from recommend.ratings import gather_pairs, read_events
from recommend.sampling import SampledTrainset
from recommend.svd import WARM_EPOCHS, WARM_STAGES, Start, fit_svd, schedule
from tests.recommend.conftest import ITEMS, PROFILES, checkerboard, interactions_of, items_of, profiles_of


@pytest.fixture
def today():
    """The checkerboard a day on: a new profile, a new item, and items in another order."""
    rows = [*checkerboard(), *((f"p{p:02}", "i20", "order_completed", 0.5) for p in range(0, PROFILES, 2))]
    rows += [("a new one", f"i{k:02}", "order_completed", 0.2) for k in (0, 2, 4, 6)]
    return interactions_of(rows), items_of(ITEMS + 1).take(list(reversed(range(ITEMS + 1))))


def test_a_warm_start_is_a_third_of_the_epochs_and_still_finds_the_checkerboard(today, model, spec, now):
    interactions, items = today
    told = []
    warm = train(
        interactions, items, spec, now=now, seed=2, start=model, progress=lambda *done: told.append(done)
    )
    assert told[-1] == (WARM_EPOCHS, WARM_EPOCHS)
    assert warm.info.started_from == model.fingerprint
    people = profiles_of([*(f"p{p:02}" for p in range(PROFILES)), "a new one"])
    taste = spec.model_copy(update={"blend": Blend(popularity=0)})
    found = recommend_items(warm, people, interactions, items, taste, n=3, now=now)
    colour = np.array([*np.arange(PROFILES) % 2, 0])
    assert ((ITEMS - found.items) % 2 == colour[:, None]).mean() > 0.95


def test_what_is_known_keeps_its_place_and_what_is_new_starts_at_random(model, spec, shop, now):
    pairs = gather_pairs(read_events(shop[1], shop[2]["item_id"], spec, now), ITEMS)

    def sampled():
        return SampledTrainset(pairs, ITEMS, negatives=2, seed=3, on_epoch=lambda: None)

    profiles, items = np.array(model.profile_factors), np.array(model.item_factors)
    items[7] = np.nan
    found = fit_svd(sampled(), factors=8, epochs=30, seed=5, start=Start(profiles, items))
    known = np.arange(ITEMS) != 7
    moved = np.linalg.norm(found[1] - items, axis=1)[known] / np.linalg.norm(items, axis=1)[known]
    assert np.isfinite(found[1]).all()
    assert moved.mean() < 0.5
    assert sum(count for count, _ in schedule(WARM_EPOCHS, WARM_STAGES)) == WARM_EPOCHS


def test_a_model_of_nobody_can_be_gone_on_from(today, spec, now):
    empty = train(interactions_of([]), items_of(ITEMS), spec, now=now, seed=1)
    wide = replace(empty, item_factors=np.zeros((ITEMS, 8)), profile_factors=np.zeros((0, 8)))
    assert np.isfinite(train(*today, spec, now=now, seed=1, start=wide).item_factors).all()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"factors": 9}, "has 8 factors, not 9"),
        ({"algorithm": "nmf"}, "only svd"),
        ({"rating": "quantity"}, "only svd"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused_with_the_fix(change, what, today, model, spec, now):
    with pytest.raises(DataError, match=what) as refused:
        train(*today, spec.model_copy(update=change), now=now, seed=1, start=model)
    assert "without a warm start" in (refused.value.fix or "")


def test_the_crowd_is_the_mean_of_those_who_were_there_lately(spec, shop, now):
    rows = [("old", "i00", "order_completed", 300), ("new", "i01", "order_completed", 0)]
    pairs = gather_pairs(read_events(interactions_of(rows), shop[2]["item_id"], spec, now), ITEMS)
    crowd = crowd_of(np.array([[0.0, 1.0], [1.0, 0.0]]), pairs, 42)  # profiles in the order of their ids
    assert crowd == pytest.approx([0, 1], abs=1e-9)
    assert crowd_of(np.zeros((0, 2)), gather_pairs(_nothing(spec, shop, now), ITEMS), 42).tolist() == [0, 0]


def test_who_has_met_little_lies_near_the_crowd_and_who_has_met_much_does_not(model, spec, shop, now):
    crowd = np.full(8, 0.3)
    rows = [("much", f"i{k:02}", "order_completed", 1) for k in range(0, 20, 2)]
    rows += [("little", "i01", "product_viewed", 100)]
    pairs = gather_pairs(read_events(interactions_of(rows), shop[2]["item_id"], spec, now), ITEMS)
    items = np.array(model.item_factors)

    def away(to):
        little, much = fold_met(pairs, to, 1.0)(np.arange(2))
        return np.linalg.norm(little - crowd), np.linalg.norm(much - crowd)

    little, much = away(Folding(items, np.arange(ITEMS), 42, crowd))
    assert little < much
    assert little < away(Folding(items, np.arange(ITEMS), 42))[0]


def test_the_crowd_is_saved_and_a_new_profile_is_folded_towards_it(model, spec, shop, now, tmp_path):
    assert np.abs(model.crowd).max() > 0
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert np.array_equal(loaded.crowd, model.crowd)
    later = pa.concat_tables([shop[1], interactions_of([("one more", "i02", "order_completed", 0.1)])])
    people = pa.concat_tables([shop[0], profiles_of(["one more"])])
    easy = spec.model_copy(update={"min_interactions": 1})
    now = now + timedelta(minutes=1)
    with_crowd = recommend_items(loaded, people, later, shop[2], easy, n=3, now=now)
    without = recommend_items(replace(model, crowd=np.zeros(8)), people, later, shop[2], easy, n=3, now=now)
    assert with_crowd.column()[:PROFILES] == without.column()[:PROFILES]  # they have not changed
    assert with_crowd.scores[PROFILES].tolist() != without.scores[PROFILES].tolist()


def _nothing(spec, shop, now):
    return read_events(interactions_of([]), shop[2]["item_id"], spec, now)
