"""Each feature against a value worked out by hand; the whole against the order of its input."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from audience import FEATURES, add_features, arrow_schema
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES, PROFILE_ATTRIBUTES

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ITEMS = {"cap": "Hats", "beanie": "Hats", "tent": "Camping"}


def table(schema, rows):
    kind = arrow_schema(schema)
    return pa.table({f.name: pa.array([r.get(f.name) for r in rows], f.type) for f in kind})


def features(*events, who="p", now=NOW, zone=None):
    """Events are (item, event, days ago, quantity, amount)."""
    rows = [
        {
            "profile_id": "p",
            "item_id": item,
            "event": event,
            "at": now - timedelta(days=days),
            "quantity": (rest or (1,))[0],
            "amount": rest[1] if len(rest) > 1 else None,
        }
        for item, event, days, *rest in events
    ]
    profiles = table(PROFILE_ATTRIBUTES, [{"profile_id": who, "timezone": zone}])
    items = table(ITEM_ATTRIBUTES, [{"item_id": i, "category": c} for i, c in ITEMS.items()])
    return add_features(profiles, table(INTERACTION_ATTRIBUTES, rows), items, now=now).to_pylist()[0]


def test_a_profile_never_seen_has_zeros_and_no_times():
    row = features(who="stranger")
    counts = [name for name, attribute in FEATURES.items() if attribute.type == "integer"]
    scores = ("rfm_recency", "rfm_frequency", "rfm_monetary", "preferred_hour")
    assert {name: row[name] for name in counts if name not in scores} == dict.fromkeys(
        counts[: -len(scores)], 0
    )
    assert (row["total_spent"], row["spent_365d"]) == (0, 0)
    assert row["engagement"] == 0
    assert row["last_purchase_at"] is None
    assert row["last_seen_at"] is None
    assert row["average_order_value"] is None
    assert row["trend"] is None
    assert row["lifecycle"] == "prospect"
    assert row["cart"] == {"items": [], "updated_at": None}
    assert row["recently_viewed"] == []
    there = {name for name in FEATURES if row[name] is not None}
    assert there == {name for name, attribute in FEATURES.items() if attribute.required}


def test_the_lines_of_one_order_are_one_purchase():
    row = features(("cap", "order_completed", 3, 2, 40.0), ("tent", "order_completed", 3, 1, 160.0))
    assert (row["purchases"], row["purchases_30d"], row["items_purchased"]) == (1, 1, 3)
    assert (row["total_spent"], row["average_order_value"]) == (200.0, 200.0)


def test_windows_end_where_they_say():
    row = features(
        ("cap", "product_viewed", 1.99), ("cap", "product_viewed", 2.01), ("cap", "product_viewed", 31)
    )
    assert (row["views_48h"], row["views_30d"], row["views"]) == (1, 2, 3)


def test_the_future_does_not_exist():
    row = features(("cap", "order_completed", -1, 1, 10.0))
    assert row["purchases"] == 0
    assert row["last_seen_at"] is None


def test_the_cart_holds_what_was_added_after_the_last_order_within_14_days():
    row = features(
        ("beanie", "product_added", 14),
        ("tent", "product_added", 9),
        ("tent", "order_completed", 8, 1, 99.0),
        ("cap", "product_added", 2),
        ("cap", "product_added", 1, 2),
        ("beanie", "product_added", 0.5),
        ("beanie", "product_removed", 0.4),
    )
    assert row["cart"] == {
        "items": [{"item_id": "cap", "quantity": 3, "added_at": NOW - timedelta(days=1)}],
        "updated_at": NOW - timedelta(days=1),
    }


def test_recently_viewed_is_newest_first_and_each_once():
    row = features(("cap", "product_viewed", 1), ("tent", "product_viewed", 2), ("cap", "product_viewed", 3))
    assert row["recently_viewed"] == ["cap", "tent"]


def test_engagement_is_the_documented_formula():
    row = features(("cap", "order_completed", 0, 1, 5.0), ("cap", "product_viewed", 30))
    assert row["engagement"] == pytest.approx(1 - math.exp(-(5 + 0.5) / 10), abs=1e-6)
    assert row["engagement_velocity"] == pytest.approx(row["engagement"] - (1 - math.exp(-1 / 10)), abs=1e-6)
    assert row["trend"] == "rising"


def test_affinities_are_shares_of_interest():
    row = features(("cap", "product_added", 0), ("tent", "product_viewed", 0))
    assert row["favourite_category"] == "Hats"
    assert row["category_affinities"] == [
        {"category": "Hats", "share": 0.75},
        {"category": "Camping", "share": 0.25},
    ]


def test_an_interest_is_worth_half_after_90_days():
    row = features(("cap", "product_viewed", 90), ("tent", "product_viewed", 0))
    assert [round(one["share"], 4) for one in row["category_affinities"]] == [0.6667, 0.3333]


def test_the_preferred_hour_is_the_profiles_own():
    assert features(("cap", "product_viewed", 1), zone="Europe/Oslo")["preferred_hour"] == 10
    for nowhere in (None, "localtime", "Mars/Olympus", ""):
        assert features(("cap", "product_viewed", 1), zone=nowhere)["preferred_hour"] == 9


@pytest.mark.parametrize(
    ("days", "stage"),
    [((1,), "new"), ((1, 40), "active"), ((95,), "at_risk"), ((200,), "lapsed"), (range(5), "loyal")],
)
def test_lifecycle(days, stage):
    assert features(*(("cap", "order_completed", d, 1, 9.0) for d in days))["lifecycle"] == stage


def test_every_feature_has_its_declared_type_and_a_second_run_replaces_it():
    profiles = table(PROFILE_ATTRIBUTES, [{"profile_id": "p"}])
    none, items = table(INTERACTION_ATTRIBUTES, []), table(ITEM_ATTRIBUTES, [])
    once = add_features(profiles, none, items, now=NOW)
    assert [once.schema.field(f.name) for f in arrow_schema(FEATURES)] == list(arrow_schema(FEATURES))
    assert add_features(once, none, items, now=NOW).equals(once)


def test_absurd_numbers_are_no_money_and_break_nothing():
    row = features(
        ("cap", "order_completed", 1, 2**62, 1e300),
        ("tent", "order_completed", 1, 2**62, 10.0),
        ("cap", "order_completed", 1, 2**62, float("nan")),
    )
    assert (row["purchases"], row["total_spent"], row["items_purchased"]) == (1, 10.0, 2**63 - 1)


def test_the_cart_reaches_back_14_days():
    assert [i["item_id"] for i in features(("cap", "product_added", 13.99))["cart"]["items"]] == ["cap"]
    assert features(("cap", "product_added", 14))["cart"]["items"] == []


def test_recently_viewed_are_ten_at_most_and_equals_by_id():
    many = [(f"i{n:02}", "product_viewed", 1) for n in range(12)]
    assert features(*many)["recently_viewed"] == [f"i{n:02}" for n in range(10)]


@pytest.mark.parametrize(
    ("days", "stage"), [(29.9, "new"), (30, "active"), (89.9, "active"), (90, "at_risk"), (180, "lapsed")]
)
def test_stages_begin_where_they_say(days, stage):
    assert features(("cap", "order_completed", days, 1, 9.0))["lifecycle"] == stage


@pytest.mark.parametrize(
    ("now_ago", "trend"), [((0.0,), "rising"), ((31.0, 31.5), "falling"), ((40.0,) * 1 + (1.0,), "steady")]
)
def test_trend_is_the_sign_of_a_tenth(now_ago, trend):
    """Two carts a month ago leave 0.45 where 0.26 is now; one of then and a view of now balance."""
    kinds = {"rising": "product_added", "falling": "product_added", "steady": "product_viewed"}
    row = features(*(("cap", kinds[trend], days) for days in now_ago))
    assert row["trend"] == trend


def test_rfm_scores_are_fifths_of_the_buyers():
    names = [f"p{n}" for n in range(5)]
    rows = [
        {
            "profile_id": who,
            "item_id": "cap",
            "event": "order_completed",
            "at": at,
            "quantity": 1,
            "amount": amount,
        }
        for n, who in enumerate(names)
        for at, amount in ((NOW - timedelta(days=10 * (n + 1) + k), 100.0 * (n + 1)) for k in range(n + 1))
    ]
    profiles = table(PROFILE_ATTRIBUTES, [{"profile_id": who} for who in [*names, "q"]])
    events, items = table(INTERACTION_ATTRIBUTES, rows), table(ITEM_ATTRIBUTES, [])
    found = add_features(profiles, events, items, now=NOW).to_pylist()
    assert [row["rfm_recency"] for row in found] == [5, 4, 3, 2, 1, None]
    assert [row["rfm_frequency"] for row in found] == [1, 2, 3, 4, 5, None]
    assert [row["rfm_monetary"] for row in found] == [1, 2, 3, 4, 5, None]
    assert [row["rfm"] for row in found] == ["511", "422", "333", "244", "155", None]
