"""The features of ``audience.features`` for one profile, each computed when a rule first asks for it.

The meaning is that of ``audience.features``, down to the rounding: sums run over whole millionths, an age
is a difference of doubles. tests/triggers holds the two equal over made-up histories.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from audience.rfm import RfmCuts
from mailwright.model.schema import ADDED, MAIL_CLICKED, MAIL_OPENED, PURCHASED, VIEWED

Row = Mapping[str, Any]
_REMOVED = "product_removed"
_SAYS = {VIEWED: 1, ADDED: 3, PURCHASED: 5, MAIL_CLICKED: 2, MAIL_OPENED: 0.5}
WARMTH = {event: 1e6 * says for event, says in _SAYS.items()}
"""Millionths of warmth of an event that is new; of each event another number."""
_DAY = 86400.0
_MOST = 2**63 - 1


@dataclass
class History:
    """What one profile did up to ``now``: events oldest first, all and by name."""

    now: datetime
    all: Sequence[Row]
    named: Callable[[str], Sequence[Row]]
    said: Collection[tuple[float, float]]
    """Unix seconds and ``WARMTH`` of what says something of interest, each event and instant once, in any
    order; those after ``now`` too."""
    timezone: str | None
    category: Callable[[str], str | None]
    cuts: RfmCuts

    def age(self, row: Row) -> float:
        """Days, as over the whole audience."""
        return (_epoch(self.now) - _epoch(row["at"])) / _DAY

    def times(self, name: str, days: float = math.inf) -> list[datetime]:
        """Different instants of these events, in the last ``days``: an order of many lines has one."""
        return sorted({row["at"] for row in self.named(name) if self.age(row) < days})

    def recent(self, name: str, days: float) -> int:
        """How many of these events are younger than ``days``."""
        rows = self.named(name)
        return len(rows) - bisect_right(rows, -days, key=lambda row: -self.age(row))


def feature(name: str, history: History) -> Any:
    """The value of one of ``audience.FEATURES``."""
    return _FEATURES[name](history)


def moved_by(event: str) -> frozenset[str]:
    """The features that another event of this name may change, the first of a profile aside (that changes
    what is missing otherwise)."""
    return _MOVED.get(event, _BY_ALL)


def _epoch(moment: datetime) -> float:
    return moment.timestamp()


def _quantity(row: Row) -> int:
    value = row.get("quantity")
    return 1 if value is None else value


def _round(value: float) -> int:
    """Half away from zero, as SQL rounds."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)


def _bounded(total: int) -> int:
    return min(total, _MOST)


def _first(rows: Sequence[Row]) -> Any:
    return rows[0]["at"] if rows else None


def _last(rows: Sequence[Row]) -> Any:
    return rows[-1]["at"] if rows else None


def _money(h: History, days: float = math.inf) -> float:
    total, any_known = 0, False
    for row in h.named(PURCHASED):
        amount = row.get("amount")
        if amount is None or h.age(row) >= days:
            continue
        cents = _round(1e4 * amount)
        if abs(cents) <= _MOST:
            total += cents
            any_known = True
    return total / 1e4 if any_known else 0.0


def _average(h: History) -> float | None:
    orders = len(h.times(PURCHASED))
    return _money(h) / orders if orders else None


def _tastes(h: History) -> list[tuple[str, int]]:
    """Categories and their weight, highest first."""
    weights: Counter[str] = Counter()
    for row in h.all:
        says = _SAYS.get(row["event"], 0)
        category = h.category(row["item_id"]) if row.get("item_id") is not None else None
        if category is not None:
            weights[category] += _round(1e6 * says * math.pow(2.0, -h.age(row) / 90))
    return sorted(((c, w) for c, w in weights.items() if w > 0), key=lambda found: (-found[1], found[0]))


def _favourite(h: History) -> str | None:
    tastes = _tastes(h)
    return tastes[0][0] if tastes else None


def _affinities(h: History) -> list[dict[str, Any]]:
    tastes = _tastes(h)
    whole = float(sum(weight for _, weight in tastes))
    return [{"category": category, "share": float(weight) / whole} for category, weight in tastes[:5]]


def _recently_viewed(h: History) -> list[str]:
    last: dict[str, datetime] = {}
    for row in h.named(VIEWED):
        if row.get("item_id") is not None:
            last[row["item_id"]] = row["at"]
    return sorted(sorted(last), key=lambda item: last[item], reverse=True)[:10]


def _cart(h: History) -> dict[str, Any]:
    orders = h.named(PURCHASED)
    since = orders[-1]["at"] if orders else None
    removed = {
        row["item_id"]: row["at"]
        for row in h.named(_REMOVED)
        if row.get("item_id") is not None and h.age(row) < 14 and (since is None or row["at"] > since)
    }
    lines: dict[str, list[Any]] = {}
    for row in h.named(ADDED):
        if row.get("item_id") is None or h.age(row) >= 14 or (since is not None and row["at"] <= since):
            continue
        line = lines.setdefault(row["item_id"], [0, row["at"]])
        line[0] += _quantity(row)
        line[1] = row["at"]
    kept = [
        {"item_id": item, "quantity": _bounded(quantity), "added_at": at}
        for item, (quantity, at) in lines.items()
        if item not in removed or removed[item] < at
    ]
    kept.sort(key=lambda line: (line["added_at"], line["item_id"]))
    return {"items": kept, "updated_at": max((line["added_at"] for line in kept), default=None)}


def _warmth(h: History) -> tuple[int, int]:
    """Millionths of warmth now, and of that what is older than 30 days."""
    total = older = 0
    now = _epoch(h.now)
    floor, power = math.floor, math.pow
    for at, weight in h.said:
        if at <= now:
            age = (now - at) / _DAY
            warmth = floor(weight * power(2.0, -age / 30) + 0.5)
            total += warmth
            if age >= 30:
                older += warmth
    return total, older


def _engagement(h: History) -> float:
    return 1 - math.exp(-_warmth(h)[0] / 1e7) if h.all else 0.0


def _velocity(h: History) -> float:
    if not h.all:
        return 0.0
    total, older = _warmth(h)
    return (1 - math.exp(-total / 1e7)) - (1 - math.exp(-2 * older / 1e7))


def _trend(h: History) -> str | None:
    if not h.all:
        return None
    velocity = _velocity(h)
    return "rising" if velocity > 0.1 else "falling" if velocity < -0.1 else "steady"


def _lifecycle(h: History) -> str:
    times = h.times(PURCHASED)
    if not times:
        return "prospect"
    recency = _epoch(h.now) - _epoch(times[-1])
    if recency >= 180 * 86400:
        return "lapsed"
    if recency >= 90 * 86400:
        return "at_risk"
    if len(h.times(PURCHASED, 365)) >= 5:
        return "loyal"
    return "new" if _epoch(h.now) - _epoch(times[0]) < 30 * 86400 else "active"


def _preferred_hour(h: History) -> int | None:
    zone = ZoneInfo(h.timezone or "UTC")
    moments = {(row["at"], _SAYS.get(row["event"], 0)) for row in h.all}
    hours = Counter(at.astimezone(zone).hour for at, _ in moments)
    return min(hours, key=lambda hour: (-hours[hour], hour)) if hours else None


def _recency_score(h: History) -> int | None:
    orders = h.named(PURCHASED)
    if not orders:
        return None
    seconds = (h.now - orders[-1]["at"]).total_seconds()
    return 5 - _reached(h.cuts.recency_s, seconds)


def _frequency_score(h: History) -> int | None:
    if not h.named(PURCHASED):
        return None
    return 1 + _reached(h.cuts.frequency, float(len(h.times(PURCHASED, 365))))


def _monetary_score(h: History) -> int | None:
    return 1 + _reached(h.cuts.monetary, _money(h, 365)) if h.named(PURCHASED) else None


def _reached(cuts: Sequence[float], value: float) -> int:
    """How many cuts lie below the value."""
    return sum(cut < value for cut in cuts)


def _rfm(h: History) -> str | None:
    scores = (_recency_score(h), _frequency_score(h), _monetary_score(h))
    return None if scores[0] is None else "".join(map(str, scores))


_FEATURES: dict[str, Callable[[History], Any]] = {
    "purchases": lambda h: len(h.times(PURCHASED)),
    "purchases_30d": lambda h: len(h.times(PURCHASED, 30)),
    "purchases_90d": lambda h: len(h.times(PURCHASED, 90)),
    "purchases_365d": lambda h: len(h.times(PURCHASED, 365)),
    "items_purchased": lambda h: _bounded(sum(map(_quantity, h.named(PURCHASED)))),
    "views": lambda h: len(h.named(VIEWED)),
    "views_48h": lambda h: h.recent(VIEWED, 2),
    "views_30d": lambda h: h.recent(VIEWED, 30),
    "added_48h": lambda h: h.recent(ADDED, 2),
    "added_30d": lambda h: h.recent(ADDED, 30),
    "first_seen_at": lambda h: _first(h.all),
    "last_seen_at": lambda h: _last(h.all),
    "first_purchase_at": lambda h: _first(h.named(PURCHASED)),
    "last_purchase_at": lambda h: _last(h.named(PURCHASED)),
    "last_viewed_at": lambda h: _last(h.named(VIEWED)),
    "total_spent": _money,
    "spent_365d": lambda h: _money(h, 365),
    "average_order_value": _average,
    "favourite_category": _favourite,
    "category_affinities": _affinities,
    "recently_viewed": _recently_viewed,
    "cart": _cart,
    "engagement": _engagement,
    "engagement_velocity": _velocity,
    "trend": _trend,
    "rfm_recency": _recency_score,
    "rfm_frequency": _frequency_score,
    "rfm_monetary": _monetary_score,
    "rfm": _rfm,
    "lifecycle": _lifecycle,
    "preferred_hour": _preferred_hour,
}

_BOUGHT = frozenset({PURCHASED})
_SAID = frozenset(_SAYS)
_READS: dict[str, frozenset[str] | None] = {
    **dict.fromkeys(_FEATURES, _BOUGHT),
    **dict.fromkeys(
        ("views", "views_48h", "views_30d", "last_viewed_at", "recently_viewed"), frozenset({VIEWED})
    ),
    **dict.fromkeys(("added_48h", "added_30d"), frozenset({ADDED})),
    **dict.fromkeys(("favourite_category", "category_affinities"), _SAID),
    **dict.fromkeys(("engagement", "engagement_velocity", "trend"), _SAID),
    **dict.fromkeys(("first_seen_at", "last_seen_at", "preferred_hour"), None),
    "cart": frozenset({ADDED, PURCHASED, _REMOVED}),
}
"""Feature → the events that it is computed of; None: all."""
_BY_ALL = frozenset(name for name, read in _READS.items() if read is None)
_MOVED = {
    event: frozenset(name for name, read in _READS.items() if read is None or event in read)
    for event in (VIEWED, ADDED, PURCHASED, _REMOVED)
}
