"""Every kind of bad input has a stated behaviour, and none of them is an exception in a send."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from mailwright.errors import DataError, UsageError
from mailwright.model.workspace import RecommendSpec
from recommend import load_model, recommend_items, save_model, train
from tests.recommend.conftest import checkerboard, interactions_of, items_of, profiles_of

SPEC = RecommendSpec(factors=4, epochs=4, negatives=2)


def run(interactions, items, profiles, spec=SPEC, n=3, now=None, **more):
    model = train(interactions, items, spec, now=now, seed=1)
    return model, recommend_items(model, profiles, interactions, items, spec, n=n, now=now, **more)


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        (("p00", "nowhere", "order_completed", 1), "unknown item"),
        (("p00", None, "order_completed", 1), "unknown item"),
        ((None, "i00", "order_completed", 1), "no profile"),
        (("p00", "i00", "order_completed", -2), "in the future"),
        (("p00", "i00", "order_completed", 1, -3), "quantity below 1"),
        (("p00", "i00", "order_completed", 1, 0), "quantity below 1"),
        (("p00", "i00", "email_opened", 1), "event says nothing of taste"),
        (("p00", "i00", None, 1), "event says nothing of taste"),
    ],
)
def test_an_interaction_that_cannot_be_used_is_dropped_and_counted(row, cause, now, shop):
    good = interactions_of(checkerboard())
    model = train(pa.concat_tables([good, interactions_of([row])]), shop[2], SPEC, now=now, seed=1)
    assert model.info.dropped == {cause: 1}
    assert np.array_equal(model.profile_factors, train(good, shop[2], SPEC, now=now, seed=1).profile_factors)


def test_an_interaction_without_a_time_is_dropped(now, shop):
    table = interactions_of([("p00", "i00", "order_completed", 1)])
    table = table.set_column(3, "at", pa.array([None], pa.timestamp("us", "UTC")))
    assert train(table, shop[2], SPEC, now=now, seed=1).info.dropped == {"no time": 1}


def test_a_missing_quantity_is_one(now, shop):
    table = interactions_of([("p00", "i00", "order_completed", 1)])
    missing = table.set_column(4, "quantity", pa.array([None], pa.int64()))
    assert train(missing, shop[2], SPEC, now=now, seed=1).fingerprint == (
        train(table, shop[2], SPEC, now=now, seed=1).fingerprint
    )


def test_a_rating_that_is_no_number_is_dropped(now, shop):
    table = interactions_of(checkerboard())
    stars = np.ones(table.num_rows)
    stars[:3] = [np.nan, np.inf, -np.inf]
    table = table.append_column("stars", pa.array(stars))
    model = train(table, shop[2], SPEC.model_copy(update={"rating": "stars"}), now=now, seed=1)
    assert model.info.dropped == {"rating is no number": 3}
    assert np.isfinite(model.profile_factors).all()


def test_a_profile_that_is_not_in_the_audience_still_teaches_but_is_not_recommended_to(now, shop):
    _, found = run(shop[1], shop[2], profiles_of(["p03"]), now=now)
    assert found.items.shape == (1, 3)


def test_no_interaction_at_all_leaves_the_editors_picks(now, tmp_path):
    spec = SPEC.model_copy(update={"editorial": ("i01",)})
    model, found = run(interactions_of([]), items_of(3), profiles_of(["a"]), spec, now=now)
    assert [one.source for one in found.row(0)] == ["editorial"]
    assert found.note(0) == "1 of 3: the catalogue has 3 items; nothing recommends the others"
    save_model(model, tmp_path / "m")
    assert load_model(tmp_path / "m").info.profiles == 0


def test_one_lone_profile_is_recommended_what_is_left(now):
    interactions = interactions_of([("a", f"i{k:02}", "order_completed", 1) for k in range(7)])
    spec = SPEC.model_copy(update={"editorial": ("i09", "i08")})
    _, found = run(interactions, items_of(10), profiles_of(["a"]), spec, now=now)
    assert {one.item_id for one in found.row(0)} <= {"i07", "i08", "i09"}
    assert found.items[0, 0] >= 0


def test_one_item_is_recommended_to_those_who_have_it_not(now):
    interactions = interactions_of([("a", "i00", "order_completed", 1)])
    _, found = run(interactions, items_of(1), profiles_of(["a", "b"]), now=now)
    assert found.row(0) == ()
    assert found.note(0) == "0 of 3: the catalogue has 1 items, of which 1 bought before"
    assert [one.item_id for one in found.row(1)] == ["i00"]


def test_a_catalogue_smaller_than_n_gives_all_it_has_and_says_so(now, shop):
    _, found = run(shop[1], shop[2], shop[0], n=50, now=now)
    assert (found.items >= 0).sum(axis=1).tolist() == [13] * 40
    assert found.note(0) == "13 of 50: the catalogue has 20 items, of which 7 bought before"


def test_all_items_excluded_gives_nothing_and_says_why(now, shop):
    items = items_of(20, in_stock=pa.array([False] * 20))
    _, found = run(shop[1], items, shop[0], now=now)
    assert (found.items == -1).all()
    assert found.note(5) == "0 of 3: the catalogue has 20 items, of which 20 out of stock"
    assert found.column().to_pylist() == [[]] * 40
    assert set(found.source_counts().values()) == {0}


def test_no_profile_and_no_place_are_no_error(now, shop):
    _, found = run(shop[1], shop[2], profiles_of([]), now=now)
    assert found.items.shape == (0, 3)
    assert len(found.column()) == 0
    _, found = run(shop[1], shop[2], shop[0], n=0, now=now)
    assert found.items.shape == (40, 0)
    assert found.column().to_pylist() == [[]] * 40
    assert found.note(0) == ""


def test_an_empty_catalogue_cannot_be_trained_on_but_recommends_nothing(now, shop, model):
    with pytest.raises(DataError, match="catalogue is empty"):
        train(shop[1], items_of(0), SPEC, now=now, seed=1)
    found = recommend_items(model, shop[0], shop[1], items_of(0), SPEC, n=3, now=now)
    assert (found.items == -1).all()


def test_a_catalogue_that_has_changed_since_training_is_no_error(now, shop, model, spec):
    items = pa.concat_tables([items_of(20).slice(2), items_of(30).slice(25)]).sort_by("item_id")
    found = recommend_items(model, shop[0], shop[1], items, spec, n=3, now=now)
    assert (found.items >= 0).all()
    gone = {"i00", "i01"}
    assert not gone & {one.item_id for row in range(40) for one in found.row(row)}


def test_items_without_words_or_categories_are_no_error(now, shop):
    items = pa.table({"item_id": [f"i{k:02}" for k in range(20)], "title": ["—"] * 20})
    spec = SPEC.model_copy(update={"diversity": 0.5, "max_per_category": 1, "min_interactions": 50})
    _, found = run(shop[1], items, shop[0], spec, now=now)
    assert (found.items >= 0).all()


def test_an_unknown_strategy_is_told_with_the_nearest(now, shop, model):
    with pytest.raises(UsageError, match="similar"):
        recommend_items(model, shop[0], shop[1], shop[2], SPEC, n=3, now=now, strategy="similer")


def test_an_interaction_of_now_counts_and_one_just_after_does_not(now, shop):
    table = interactions_of([("a", "i00", "order_completed", 0)])
    assert train(table, shop[2], SPEC, now=now, seed=1).info.pairs == 1
    before = now - timedelta(microseconds=1)
    assert train(table, shop[2], SPEC, now=before, seed=1).info.dropped == {"in the future": 1}


@pytest.mark.parametrize("more", [{"segments": pa.table({"segment:vip": [True]})}, {"to": [["i00"]]}])
def test_what_is_not_row_for_row_with_the_profiles_is_refused(more, now, shop, model):
    with pytest.raises(DataError, match="1 rows for 40 profiles"):
        recommend_items(model, shop[0], shop[1], shop[2], SPEC, n=3, now=now, **more)
