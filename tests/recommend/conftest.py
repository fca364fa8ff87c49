"""A shop small enough to see through: even profiles like even items, odd profiles odd ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from mailwright.model.workspace import RecommendSpec
from recommend import train

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PROFILES, ITEMS = 40, 20


def interactions_of(rows):
    """(profile, item, event, days ago[, quantity]) → a table of interactions."""
    rows = [(*row, 1)[:5] for row in rows]
    return pa.table(
        {
            "profile_id": pa.array([row[0] for row in rows], pa.string()),
            "item_id": pa.array([row[1] for row in rows], pa.string()),
            "event": pa.array([row[2] for row in rows], pa.string()),
            "at": pa.array([NOW - timedelta(days=row[3]) for row in rows], pa.timestamp("us", "UTC")),
            "quantity": pa.array([row[4] for row in rows], pa.int64()),
        }
    )


def items_of(count, **columns):
    return pa.table(
        {
            "item_id": [f"i{k:02}" for k in range(count)],
            "title": [f"Thing {k}" for k in range(count)],
            "category": [("even", "odd")[k % 2] for k in range(count)],
            **columns,
        }
    )


def profiles_of(ids, **columns):
    return pa.table({"profile_id": pa.array(ids, pa.string()), **columns})


def checkerboard():
    """Each profile bought seven of the ten items of its colour."""
    return [
        (f"p{p:02}", f"i{(2 * ((p // 2 + k) % 10)) + p % 2:02}", "order_completed", 1 + k)
        for p in range(PROFILES)
        for k in range(7)
    ]


@pytest.fixture(scope="session")
def now():
    return NOW


@pytest.fixture(scope="session")
def spec():
    return RecommendSpec(factors=8, epochs=30, negatives=2)


@pytest.fixture(scope="session")
def shop():
    """(profiles, interactions, items)."""
    ids = [f"p{p:02}" for p in range(PROFILES)]
    return profiles_of(ids), interactions_of(checkerboard()), items_of(ITEMS)


@pytest.fixture(scope="session")
def model(shop, spec, now):
    return train(shop[1], shop[2], spec, now=now, seed=1)
