"""Features that are one number, time or word: how many, how much, when, how warm, which stage."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audience.history import F64, I64, MOST, History, rounded
from mailwright.model.schema import ADDED, PURCHASED, VIEWED

_DAY_S = 86400
_NO_MONEY = 2.0**63
"""Beyond nine hundred million millions (here in hundredths of cents) an amount is no money: it is unknown."""


def count_events(h: History) -> dict[str, pa.Array]:
    """How often each profile did what."""
    lines, views, added = h.rows(PURCHASED), h.rows(VIEWED), h.rows(ADDED)
    orders = lines[h.moment[lines]]
    pieces = h.total(lines, h.quantity[lines])
    counts = {
        "purchases": h.count(orders),
        "purchases_30d": h.count(h.younger(orders, 30)),
        "purchases_90d": h.count(h.younger(orders, 90)),
        "purchases_365d": h.count(h.younger(orders, 365)),
        "items_purchased": np.minimum(pieces, MOST).astype(np.int64),
        "views": h.count(views),
        "views_48h": h.count(h.younger(views, 2)),
        "views_30d": h.count(h.younger(views, 30)),
        "added_48h": h.count(h.younger(added, 2)),
        "added_30d": h.count(h.younger(added, 30)),
    }
    return {name: pa.array(found) for name, found in counts.items()}


def tell_times(h: History) -> dict[str, pa.Array]:
    """When each profile did something first and last."""
    seen = h.ends(np.arange(len(h.who)))
    bought = h.ends(h.rows(PURCHASED))
    _, viewed = h.ends(h.rows(VIEWED))
    return {
        "first_seen_at": seen[0],
        "last_seen_at": seen[1],
        "first_purchase_at": bought[0],
        "last_purchase_at": bought[1],
        "last_viewed_at": viewed,
    }


def sum_money(h: History, orders: I64) -> dict[str, pa.Array]:
    """What each profile spent; ``orders`` is how often it bought."""
    lines = h.rows(PURCHASED)
    lines = lines[np.abs(1e4 * h.amount[lines]) < _NO_MONEY]
    hundredths = rounded(1e4 * h.amount[lines])
    young = h.age[lines] < 365
    spent = h.total(lines, hundredths).astype(np.float64) / 1e4
    lately = h.total(lines[young], hundredths[young]).astype(np.float64) / 1e4
    return {
        "total_spent": pa.array(spent),
        "spent_365d": pa.array(lately),
        "average_order_value": pa.array(spent / np.maximum(orders, 1), mask=orders == 0),
    }


def measure_engagement(h: History, seen: pa.Array) -> dict[str, pa.Array]:
    """How warm each profile is, and how that has moved; ``seen`` is NULL for one never seen."""
    rows = np.flatnonzero(h.moment & h.says_something())
    warmth = h.interest(rows, 30)
    old = h.age[rows] >= 30
    now = _engagement(h.total(rows, warmth).astype(np.float64))
    # 30 days ago everything older was worth twice what it is now.
    velocity = now - _engagement(2 * h.total(rows[old], warmth[old]).astype(np.float64))
    words = pa.array(["steady", "rising", "falling"])
    trend = words.take(pa.array(np.where(velocity > 0.1, 1, np.where(velocity < -0.1, 2, 0))))
    return {
        "engagement": pa.array(now),
        "engagement_velocity": pa.array(velocity),
        "trend": pc.if_else(pc.is_valid(seen), trend, None),
    }


def _engagement(millionths: F64) -> F64:
    found: F64 = 1 - pc.exp(pa.array(-millionths / 1e7)).to_numpy()  # the C library's, as in History.interest
    return found


def tell_stages(h: History, found: dict[str, pa.Array]) -> pa.Array:
    """The ``lifecycle`` of each profile by what was found of its orders."""
    first, last = (
        h.now_s - found[name].cast(pa.int64()).fill_null(0).to_numpy() / 1e6
        for name in ("first_purchase_at", "last_purchase_at")
    )
    stages = {
        "prospect": found["purchases"].to_numpy() == 0,
        "lapsed": last >= 180 * _DAY_S,
        "at_risk": last >= 90 * _DAY_S,
        "loyal": found["purchases_365d"].to_numpy() >= 5,
        "new": first < 30 * _DAY_S,
        "active": np.ones(h.people, dtype=bool),
    }
    place = np.select(list(stages.values()), list(range(len(stages))))
    return pa.array(list(stages)).take(pa.array(place))
