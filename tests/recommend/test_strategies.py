"""The strategies that a block can ask for by name."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from recommend import recommend_items
from recommend.strategies import strategy_names
from tests.recommend.conftest import interactions_of, items_of, profiles_of


@pytest.fixture
def ask(model, shop, spec, now):
    def asked(strategy, *, interactions=shop[1], items=shop[2], profiles=shop[0], n=3, **more):
        return recommend_items(
            model, profiles, interactions, items, spec, n=n, now=now, strategy=strategy, **more
        )

    return asked


def ids(found, row=0):
    return [one.item_id for one in found.row(row)]


def test_every_strategy_is_a_file():
    assert strategy_names() == (
        "bought_together",
        "for_you",
        "new_arrivals",
        "price_drop",
        "recently_viewed",
        "similar",
        "trending",
    )


@pytest.mark.parametrize("strategy", strategy_names())
def test_every_strategy_answers_for_every_profile_even_a_new_one(ask, strategy):
    found = ask(strategy, profiles=profiles_of(["new", "p00"]))
    column = found.column().to_pylist()
    assert len(column) == 2
    assert all(cell["source"] for row in column for cell in row)
    for row in range(2):
        assert (found.note(row) == "") == (len(column[row]) == 3)


def test_similar_items_are_like_what_was_asked_about_and_never_the_same(ask):
    found = ask("similar", profiles=profiles_of(["new", "other"]), to=[["i04"], ["i05", "nowhere"]])
    assert all(int(one[1:]) % 2 == 0 and one != "i04" for one in ids(found))
    assert all(int(one[1:]) % 2 == 1 for one in ids(found, 1))
    assert found.row(0)[0].reason == "similar to Thing 4"
    first = found.column().to_pylist()[0][0]
    assert (first["reason_kind"], first["reason_about"]) == ("similar", "Thing 4")


def test_what_was_bought_on_the_same_day_is_bought_together(ask):
    rows = [(f"b{k}", item, "order_completed", 3) for k in range(3) for item in ("i01", "i04")]
    rows += [("b9", item, "order_completed", 5) for item in ("i01", "i07")]
    found = ask(
        "bought_together", interactions=interactions_of(rows), profiles=profiles_of(["new"]), to=[["i01"]]
    )
    assert [(one.item_id, one.reason) for one in found.row(0)] == [("i04", "often bought with Thing 1")]


def test_what_is_wanted_more_than_before_is_trending(ask):
    rows = [(f"t{k}", "i03", "product_viewed", 1) for k in range(10)]
    rows += [(f"t{k}", "i04", "product_viewed", 20) for k in range(30)]
    assert ids(ask("trending", interactions=interactions_of(rows))) == ["i03"]


def test_new_arrivals_are_the_newest_first_and_none_from_the_future(ask, now):
    days = [None, 100, 3, 1, -1, *[None] * 15]
    added = pa.array(
        [None if d is None else now - timedelta(days=d) for d in days], pa.timestamp("us", "UTC")
    )
    assert ids(ask("new_arrivals", items=items_of(20, added_at=added), profiles=profiles_of(["new"]))) == [
        "i03",
        "i02",
    ]


def test_recently_viewed_is_latest_first_without_what_was_bought(ask):
    rows = [
        ("v", "i01", "product_viewed", 3),
        ("v", "i02", "product_viewed", 1),
        ("v", "i03", "product_viewed", 2),
        ("v", "i03", "order_completed", 1),
    ]
    found = ask("recently_viewed", interactions=interactions_of(rows), profiles=profiles_of(["v"]))
    assert ids(found) == ["i02", "i01"]


def test_a_price_drop_is_told_in_percent_and_what_was_met_comes_first(ask):
    items = items_of(
        20,
        price=pa.array([80.0, 50.0, 100.0, 96.0, *[10.0] * 16]),
        previous_price=pa.array([100.0, 100.0, 100.0, 100.0, *[None] * 16], pa.float64()),
    )
    rows = interactions_of([("v", "i00", "product_viewed", 3)])
    found = ask("price_drop", items=items, interactions=rows, profiles=profiles_of(["v"]))
    assert [(one.item_id, one.reason) for one in found.row(0)] == [
        ("i00", "its price has dropped by 20 %"),
        ("i01", "its price has dropped by 50 %"),
    ]


def test_what_was_paid_before_stands_for_an_unknown_former_price(ask):
    items = items_of(20, price=pa.array([80.0, 100.0, *[10.0] * 18]))
    rows = interactions_of([("v", item, "order_completed", 3, 2) for item in ("i00", "i01")])
    rows = rows.append_column("amount", pa.array([200.0, 200.0]))
    assert ids(ask("price_drop", items=items, interactions=rows, profiles=profiles_of(["new"]))) == ["i00"]
