"""The chain as a whole: who is recommended what, from which tier, and what is never recommended."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mailwright.model.workspace import EmbeddingSpec, RecommendSpec
from recommend import recommend_items, train
from tests.recommend.conftest import checkerboard, interactions_of, items_of, profiles_of


def recommend(model, shop, spec, now, n=3, **more):
    profiles, interactions, items = shop
    return recommend_items(model, profiles, interactions, items, spec, n=n, now=now, **more)


def test_everybody_is_recommended_the_rest_of_their_own_colour(model, shop, spec, now):
    found = recommend(model, shop, spec, now)
    assert found.source_counts()["collaborative"] == found.items.size
    for row in range(len(found.items)):
        assert {int(item) % 2 for item in found.items[row]} == {row % 2}


def test_an_item_already_bought_is_not_recommended(model, shop, spec, now):
    found = recommend(model, shop, spec, now, n=13)
    bought = {(row[0], row[1]) for row in checkerboard()}
    for row in range(len(found.items)):
        assert not {(f"p{row:02}", one.item_id) for one in found.row(row)} & bought


def test_a_row_alone_is_recommended_what_it_is_among_all(model, shop, spec, now):
    everybody = recommend(model, shop, spec, now)
    for row in range(0, 40, 7):
        assert recommend(model, shop, spec, now, only=[row]).row(0) == everybody.row(row)


def test_the_column_says_what_the_rows_say(model, shop, spec, now):
    found = recommend(model, shop, spec, now)
    column = found.column().to_pylist()
    for row, cells in enumerate(column):
        told = [(one.item_id, one.source, one.score, one.reason) for one in found.row(row)]
        assert [tuple(cell.values())[:4] for cell in cells] == told


def test_a_profile_nobody_knows_is_recommended_what_is_popular_in_its_country(shop, spec, now, model):
    _, interactions, items = shop
    profiles = profiles_of([f"p{p:02}" for p in range(40)] + ["new"], country=["NO", "SE"] * 20 + ["NO"])
    found = recommend_items(
        model, profiles, interactions, items, spec.model_copy(update={"min_interactions": 50}), n=3, now=now
    )
    assert [one.source for one in found.row(40)] == ["cohort"] * 3
    assert {one.reason for one in found.row(40)} == {"popular in Norway"}
    assert all(int(item) % 2 == 0 for item in found.items[40])


def test_a_profile_of_few_items_is_recommended_like_items_and_told_why(model, shop, spec, now):
    _, interactions, items = shop
    more = pa.concat_tables([interactions, interactions_of([("new", "i04", "product_viewed", 1)])])
    found = recommend_items(model, profiles_of(["new"]), more, items, spec, n=3, now=now)
    assert [one.source for one in found.row(0)] == ["content"] * 3
    assert {one.reason for one in found.row(0)} <= {"because you viewed Thing 4", "because you viewed it"}


def test_the_editors_picks_come_last_and_in_their_order(now):
    spec = RecommendSpec(factors=4, epochs=2, editorial=("i03", "nowhere", "i01"))
    items = items_of(5)
    interactions = interactions_of([("a", "i02", "order_completed", 1)])
    model = train(interactions, items, spec, now=now, seed=1)
    found = recommend_items(model, profiles_of(["b"]), interactions, items, spec, n=5, now=now)
    assert [(one.item_id, one.source) for one in found.row(0)] == [
        ("i02", "popular"),
        ("i03", "editorial"),
        ("i01", "editorial"),
    ]
    assert found.note(0) == "3 of 5: the catalogue has 5 items; nothing recommends the others"


def test_training_is_the_same_for_the_same_seed_and_another_for_another(shop, spec, now, model):
    _, interactions, items = shop
    again = train(interactions, items, spec, now=now, seed=1)
    assert again.fingerprint == model.fingerprint
    assert np.array_equal(again.profile_factors, model.profile_factors)
    assert train(interactions, items, spec, now=now, seed=2).fingerprint != model.fingerprint


def test_embeddings_say_what_words_do_not(spec, now):
    vectors = [[1.0, 0.0] if k < 6 else [0.0, 1.0] for k in range(20)]
    vectors[7], vectors[8] = None, [1.0, None]
    items = items_of(20, meaning=pa.array(vectors)).drop_columns(["category"])
    interactions = interactions_of([("a", "i00", "product_viewed", 1)])
    model = train(interactions, items, spec, now=now, seed=1)
    asked = spec.model_copy(update={"embeddings": EmbeddingSpec(attribute="meaning")})
    found = recommend_items(
        model, profiles_of(["a"]), interactions, items, asked, n=2, now=now, strategy="similar", to=[["i10"]]
    )
    assert not {one.item_id for one in found.row(0)} & {f"i{k:02}" for k in range(9)} - {"i06"}
    assert found.row(0)[0].score > 0.1


def test_what_is_bought_again_and_again_comes_first_for_profiles_of_few_items_too(shop, spec, now, model):
    rows = [("few", "i04", "order_completed", days) for days in (1, 9, 17)]
    asked = spec.model_copy(update={"repeat": True, "min_interactions": 6})
    found = recommend_items(model, profiles_of(["few"]), interactions_of(rows), shop[2], asked, n=3, now=now)
    assert (found.row(0)[0].item_id, found.row(0)[0].reason) == ("i04", "because you bought it")
