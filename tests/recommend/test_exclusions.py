"""What is never shown, whichever tier recommends; caps and diversity."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.model.workspace import Blend
from recommend import recommend_items
from recommend.strategies import strategy_names
from tests.recommend.conftest import checkerboard, items_of

BOUGHT = {(row[0], row[1]) for row in checkerboard()}


@pytest.fixture
def ask(model, shop, spec, now):
    def asked(items=shop[2], n=5, strategy="for_you", last_shown=None, **changes):
        changed = spec.model_copy(update=changes)
        return recommend_items(
            model, shop[0], shop[1], items, changed, n=n, now=now, strategy=strategy, last_shown=last_shown
        )

    return asked


def shown(found):
    return {(row, one.item_id) for row in range(len(found.items)) for one in found.row(row)}


TIERS = [
    {},
    {"min_interactions": 50},
    {
        "min_interactions": 50,
        "weights": {"product_viewed": 1.0},
        "editorial": tuple(f"i{k:02}" for k in range(20)),
    },
]
"""Settings under which the chain is collaborative, content and editorial."""


@pytest.mark.parametrize("tier", TIERS)
def test_no_tier_shows_what_is_out_of_stock_blocked_or_out_of_the_price_range(ask, tier):
    items = items_of(
        20, in_stock=pa.array([k != 4 for k in range(20)]), price=pa.array([float(k) for k in range(20)])
    )
    found = ask(items, n=20, blocked_categories=("odd",), min_price=3, max_price=15, **tier)
    assert {item for _, item in shown(found)} <= {"i06", "i08", "i10", "i12", "i14"}
    assert (found.items >= 0).any()
    assert "out of stock, 9 in a blocked category" not in found.note(0)
    assert "1 out of stock, 10 in a blocked category, 4 out of the price range" in found.note(0)


@pytest.mark.parametrize("strategy", strategy_names())
def test_no_strategy_shows_what_was_bought(ask, strategy):
    assert not {(f"p{row:02}", item) for row, item in shown(ask(n=20, strategy=strategy))} & BOUGHT


def test_what_was_bought_is_shown_where_repeats_are_allowed(ask):
    assert {(f"p{row:02}", item) for row, item in shown(ask(n=20, repeat=True))} >= BOUGHT


def test_repeats_are_allowed_for_a_category_alone(ask):
    again = {(f"p{row:02}", item) for row, item in shown(ask(n=20, repeat_categories=("even",)))} & BOUGHT
    assert again == {(profile, item) for profile, item in BOUGHT if int(item[1:]) % 2 == 0}


def test_own_favourites_come_first_where_repeats_are_allowed(ask):
    found = ask(n=7, repeat=True, blend=Blend(own=100))
    assert {(f"p{row:02}", item) for row, item in shown(found)} == BOUGHT


def test_the_last_mails_items_are_not_shown_again(ask):
    first = ask(n=3)
    last = pa.table(
        {
            "profile_id": [f"p{row:02}" for row in range(40) for _ in first.row(row)] + ["gone"],
            "item_id": [one.item_id for row in range(40) for one in first.row(row)] + ["i00"],
        }
    )
    second = ask(n=3, last_shown=last)
    assert not shown(first) & shown(second)
    assert "3 shown in the last mail" in ask(n=20, last_shown=last).note(0)


@pytest.mark.parametrize("tier", TIERS)
def test_a_cap_holds_over_all_tiers_and_the_places_are_filled_from_elsewhere(ask, tier):
    found = ask(n=6, max_per_category=3, **tier)
    for row in range(40):
        colours = [int(item) % 2 for item in found.items[row] if item >= 0]
        assert sorted(colours) == [0, 0, 0, 1, 1, 1]


def test_a_cap_that_leaves_too_few_is_told(ask):
    found = ask(n=6, max_per_category=2)
    assert found.note(0).endswith("at most 2 of a category are shown; nothing recommends the others")
    assert (found.items >= 0).sum(axis=1).tolist() == [4] * 40


def test_diversity_shows_less_alike_items(ask):
    items = items_of(
        20, description=pa.array([("round red ball", "square blue box")[k % 2] for k in range(20)])
    )
    alike, unlike = ask(items, n=2), ask(items, n=2, diversity=1.0)
    assert all(len({int(item) % 2 for item in row}) == 1 for row in alike.items)
    assert all(len({int(item) % 2 for item in row}) == 2 for row in unlike.items)


def test_the_margin_leaves_items_below_it_to_the_next_tier(ask):
    everything = ask(n=13)
    strict = ask(n=13, margin=0.5)
    assert strict.source_counts()["collaborative"] < everything.source_counts()["collaborative"]
    assert (strict.items >= 0).all()


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(0, 25),
    cap=st.none() | st.integers(1, 12),
    diversity=st.sampled_from([0.0, 0.3, 1.0]),
    least=st.integers(1, 9),
    stock=st.lists(st.booleans(), min_size=20, max_size=20),
)
def test_whatever_is_asked_no_item_comes_twice_and_all_are_allowed(
    model, shop, spec, now, n, cap, diversity, least, stock
):
    items = items_of(20, in_stock=pa.array(stock))
    changed = spec.model_copy(
        update={"max_per_category": cap, "diversity": diversity, "min_interactions": least}
    )
    found = recommend_items(model, shop[0], shop[1], items, changed, n=n, now=now)
    for row, picked in enumerate(found.items.tolist()):
        there = [item for item in picked if item >= 0]
        assert len(set(there)) == len(there)
        assert picked == there + [-1] * (n - len(there))
        assert all(stock[item] and (f"p{row:02}", f"i{item:02}") not in BOUGHT for item in there)
        assert cap is None or max([sum(item % 2 == k for item in there) for k in (0, 1)]) <= cap
        assert (found.note(row) == "") == (len(there) == n)
