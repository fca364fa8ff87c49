"""Every feature is, bit for bit, what one query of DuckDB says that it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audience import FEATURES, add_features, arrow_schema, features
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES, PROFILE_ATTRIBUTES
from tests.audience.features_in_sql import features_in_sql

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
KINDS = [
    *("product_viewed", "product_added", "order_completed", "product_removed"),
    *("email_opened", "email_clicked", "a_visit", "zzz"),
]
ZONES = [None, "Europe/Oslo", "Asia/Kathmandu", "Australia/Lord_Howe", "Mars/Olympus", "Africa/Monrovia"]
PEOPLE = [f"p{n}" for n in range(len(ZONES))]
CATEGORIES = {"a": "Tents", "b": "Light", "c": None, "d": "Tents", "e": "Ærfugl"}
DAY = 86_400_000_000
EDGES = [0, DAY * 2, DAY * 14, DAY * 30, DAY * 90, DAY * 180, DAY * 365, DAY * 365 * 56, -DAY]
INSTANTS = [edge + by for edge in EDGES for by in (-1, 0, 1)]


def table(schema, rows):
    kind = arrow_schema(schema)
    return pa.table({f.name: pa.array([r.get(f.name) for r in rows], f.type) for f in kind})


PROFILES = table(
    PROFILE_ATTRIBUTES,
    [{"profile_id": who, "timezone": zone} for who, zone in zip(PEOPLE, ZONES, strict=True)],
)
ITEMS = table(ITEM_ATTRIBUTES, [{"item_id": i, "category": c} for i, c in CATEGORIES.items()])

histories = st.lists(
    st.fixed_dictionaries(
        {
            "profile_id": st.sampled_from([*PEOPLE[:4], PEOPLE[5], "nobody"]),
            "event": st.sampled_from(KINDS),
            "item_id": st.sampled_from([*CATEGORIES, "gone", None]),
            "at": st.one_of(st.sampled_from(INSTANTS), st.integers(0, 400 * DAY)).map(
                lambda ago: NOW - timedelta(microseconds=ago)
            ),
            "quantity": st.sampled_from([None, 1, 2, 7, 2**62]),
            "amount": st.sampled_from([None, 0.0, 9.99, 19.995, 0.00005, 1e15, 1e300, float("nan"), 9e14]),
        }
    ),
    max_size=30,
)


def hold_equal(profiles, events, items):
    found = add_features(profiles, events, items, now=NOW)
    expected = features_in_sql(profiles, events, items, now=NOW)
    for name in FEATURES:
        column = found[name].combine_chunks()
        assert column.equals(expected[name]), (name, column.to_pylist(), expected[name].to_pylist())


@settings(max_examples=30, deadline=None)
@given(histories)
def test_features_of_made_up_histories(rows):
    hold_equal(PROFILES, table(INTERACTION_ATTRIBUTES, rows), ITEMS)


@pytest.mark.parametrize("by", [["profile_id", "at", "event", "item_id"], ["at"]])
def test_features_of_many_who_do_much_at_once(by, monkeypatch):
    """Enough events for the table of hours and for several stretches, in their order and in another."""
    monkeypatch.setattr(features, "_MOST_EVENTS", 5_000)
    rng, n = np.random.default_rng(5), 20_000
    minutes = rng.integers(0, 10 * 24 * 60, n) // 10 * 10
    events = pa.table(
        {
            "profile_id": pa.array(PEOPLE).take(pa.array(rng.integers(0, len(PEOPLE), n))),
            "event": pa.array(KINDS).take(pa.array(rng.integers(0, len(KINDS), n))),
            "item_id": pa.array([*CATEGORIES, None]).take(pa.array(rng.integers(0, len(CATEGORIES) + 1, n))),
            "at": pa.array([NOW - timedelta(minutes=int(m)) for m in minutes], pa.timestamp("us", "UTC")),
            "quantity": rng.integers(1, 4, n),
            "amount": np.round(rng.gamma(2, 30, n), 3),
        }
    )
    hold_equal(PROFILES, events.sort_by([(name, "ascending") for name in by]), ITEMS)
