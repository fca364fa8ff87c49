"""The live profile says what the whole-audience path says, feature by feature and rule by rule."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audience import FEATURES, add_features, arrow_schema
from audience.rfm import RfmCuts
from mailwright.errors import Location
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES, PROFILE_ATTRIBUTES
from rules import RuleCatalog, compile_rule, evaluate_rules
from triggers.profile import LiveProfile

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
CUTS = RfmCuts((86400.0, 864000.0, 8640000.0, 2e7), (1.0, 2.0, 3.0, 4.0), (10.0, 20.0, 40.0, 80.0))
CATEGORY = {"a": "Tents", "b": "Light", "c": None, "d": "Tents"}
ITEMS = pa.Table.from_pylist(
    [{"item_id": i, "title": i, "category": c, "in_stock": True} for i, c in CATEGORY.items()],
    arrow_schema(ITEM_ATTRIBUTES),
)
DAY = 86_400_000_000
EDGES = [0, 1, DAY * 2, DAY * 14, DAY * 30, DAY * 90, DAY * 365, DAY * 180, -DAY]

events = st.lists(
    st.builds(
        lambda event, item, ago, quantity, amount: {
            "profile_id": "p",
            "event": event,
            "item_id": item,
            "at": NOW - timedelta(microseconds=ago),
            "quantity": quantity,
            "amount": amount,
        },
        st.sampled_from(
            ["product_viewed", "product_added", "order_completed", "product_removed", "page_viewed"]
        ),
        st.sampled_from(["a", "b", "c", "d", "gone", None]),
        st.one_of(
            st.sampled_from(EDGES),
            st.sampled_from([edge + by for edge in EDGES for by in (-1, 1)]),
            st.integers(0, 400 * DAY),
        ),
        st.sampled_from([None, 1, 2, 7]),
        st.sampled_from([None, 0.0, 9.99, 19.995, 1e15]),
    ),
    max_size=12,
)


def table(rows):
    ordered = sorted(rows, key=lambda row: row["at"])
    return pa.Table.from_pylist(ordered, arrow_schema(INTERACTION_ATTRIBUTES))


def person(timezone):
    schema = arrow_schema({n: a for n, a in PROFILE_ATTRIBUTES.items() if n not in FEATURES})
    return pa.Table.from_pylist([{"profile_id": "p", "timezone": timezone}], schema)


@settings(max_examples=60, deadline=None)
@given(events, st.sampled_from([None, "Europe/Oslo", "America/New_York"]), st.randoms())
def test_features_are_those_of_the_whole_audience(rows, timezone, dice):
    expected = add_features(person(timezone), table(rows), ITEMS, now=NOW, cuts=CUTS).to_pylist()[0]
    live = LiveProfile({"profile_id": "p", "timezone": timezone}, [], category=CATEGORY.get, cuts=CUTS)
    dice.shuffle(rows)
    for row in rows:
        live.add(row)
    live.at(NOW)
    found = {name: live[name] for name in FEATURES}
    for name in FEATURES:
        same(found[name], expected[name], name)


def same(found, expected, name):
    if isinstance(found, float) and isinstance(expected, float):
        assert math.isclose(found, expected, rel_tol=1e-15, abs_tol=1e-15), name
    elif isinstance(found, list) and found and isinstance(found[0], dict):
        assert len(found) == len(expected), name
        for one, other in zip(found, expected, strict=True):
            assert one.keys() == other.keys()
            for key in one:
                same(one[key], other[key], f"{name}.{key}")
    else:
        assert found == expected, name


RULES = [
    "count_events('product_viewed', '1 hour', item_id = 'a') >= 1",
    "hours_since(last_event('product_added')) < 48",
    "len(cart.items) > 0 AND purchases = 0",
    "views_48h > 1 AND added_48h = 0",
    "days_since(last_purchase_at) > 30",
    "engagement > 0.3 OR trend = 'rising'",
    "favourite_category = 'Tents'",
]


@settings(max_examples=25, deadline=None)
@given(events)
def test_rules_are_answered_as_over_the_frame(rows):
    known = {n: a for n, a in INTERACTION_ATTRIBUTES.items() if n not in ("profile_id", "event")}
    names = ("product_viewed", "product_added", "order_completed")
    catalog = RuleCatalog({**PROFILE_ATTRIBUTES, **FEATURES}, frozenset(), dict.fromkeys(names, known))
    compiled = {text: compile_rule(text, catalog, at=Location("t")) for text in RULES}
    interactions = table(rows)
    frame = add_features(person(None), interactions, ITEMS, now=NOW, cuts=CUTS)
    expected = evaluate_rules(compiled, frame, now=NOW, interactions=interactions).to_pylist()[0]
    live = LiveProfile({"profile_id": "p"}, rows, category=CATEGORY.get, cuts=CUTS)
    context = live.at(NOW)
    assert {text: rule.holds(live, context) for text, rule in compiled.items()} == expected


def test_a_crawler_of_many_events_is_looked_at_for_its_newest_only():
    live = LiveProfile({"profile_id": "p"}, [], category=CATEGORY.get, cuts=CUTS)
    for n in range(12_000):
        live.add({"event": "page_viewed", "at": NOW - timedelta(seconds=12_000 - n)})
    assert 5_000 <= len(live.rows) <= 5_500
    live.at(NOW)
    assert live["last_seen_at"] == NOW - timedelta(seconds=1)


def test_a_feature_needs_a_clock():
    live = LiveProfile({"profile_id": "p"}, [], category=CATEGORY.get, cuts=CUTS)
    with pytest.raises(RuntimeError):
        live["views"]
