"""A year of visits: what people looked at, put into the cart and bought, out of what they like."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from maker.catalogue import Catalogue
from maker.people import People

_DAY = 86_400


def make_visits(
    rng: np.random.Generator, catalogue: Catalogue, people: People, now: datetime, *, count: int = 120_000
) -> pa.Table:
    """The last ``count`` interactions of the year before ``now``, sorted by time, and some that cannot be.

    An item is chosen in proportion to exp(taste + popularity + season); a visit is some views, three in ten
    of them put into the cart, and in six of ten visits with a cart an order of all that is in it.
    """
    views = _views(rng, catalogue, people, now)
    events = _carts_and_orders(rng, catalogue, views)
    events = events.sort_by([(name, "ascending") for name in ("at", "profile_id", "event", "item_id")])
    if events.num_rows < count:
        raise ValueError(f"only {events.num_rows} interactions: raise how often people come")
    events = events.slice(events.num_rows - count)
    return pa.concat_tables([events, _impossible(rng, events, now)])


def _views(rng: np.random.Generator, catalogue: Catalogue, people: People, now: datetime) -> dict[str, Any]:
    """Arrays, one entry a view: person, visit, item, at (seconds before now)."""
    end = now.timestamp()
    person, visit, item, at = [], [], [], []
    number = 0
    base = people.vectors @ catalogue.vectors.T * 0.55 + catalogue.popularity
    for who in np.flatnonzero(people.visits):
        first = max(people.since[who].timestamp(), end - 365 * _DAY)
        last = people.until[who].timestamp()
        if last <= first:
            continue
        times = _visit_times(rng, int(people.visits[who]), first, last, int(people.offsets[who]))
        weights = np.exp(base[who] - base[who].max())
        for moment in times[times < end - 120]:
            month = datetime.fromtimestamp(moment, now.tzinfo).month - 1
            chances = np.cumsum(weights * (1 + catalogue.season[month]))
            looks = min(int(rng.geometric(0.32)), 14)
            chosen = np.searchsorted(chances, rng.random(looks) * chances[-1])
            gaps = np.cumsum(rng.integers(15, 180, looks))
            stamps = moment + gaps
            fits = stamps < end
            person.append(np.full(int(fits.sum()), who))
            visit.append(np.full(int(fits.sum()), number))
            item.append(chosen[fits])
            at.append(stamps[fits])
            number += 1
    return {
        "person": np.concatenate(person),
        "visit": np.concatenate(visit),
        "item": np.concatenate(item),
        "at": np.concatenate(at).astype(np.int64),
        "ids": np.array([row["customer_number"] for row in people.rows]),
        "visits": number,
    }


def _visit_times(rng: np.random.Generator, visits: int, first: float, last: float, offset: int) -> Any:
    """Days towards the end are likelier; hours are the person's own habit, one in the day."""
    days = first + (last - first) * rng.beta(1.6, 1.0, visits)
    habit = rng.choice([7, 12, 17, 20, 22], p=[0.12, 0.2, 0.2, 0.36, 0.12])
    hours = np.clip(rng.normal(habit, 2.0, visits), 0, 23.9) - offset
    moments = np.floor(days / _DAY) * _DAY + hours * 3600
    return np.sort(np.clip(moments, first, None))


def _carts_and_orders(rng: np.random.Generator, catalogue: Catalogue, views: dict[str, Any]) -> pa.Table:
    added = rng.random(len(views["item"])) < 0.3
    buying = rng.random(views["visits"]) < 0.6
    bought = added & buying[views["visit"]]
    quantity = np.minimum(rng.geometric(0.85, len(added)), 4)
    checkout = np.zeros(views["visits"], dtype=np.int64)
    np.maximum.at(checkout, views["visit"], views["at"] + 240)
    channels = rng.choice(["web", "app", "store"], p=[0.68, 0.28, 0.04], size=views["visits"])
    parts = [
        _events(
            views, catalogue, channels, "product_viewed", np.ones(len(added), bool), views["at"], quantity
        ),
        _events(views, catalogue, channels, "product_added", added, views["at"] + 20, quantity),
        _events(views, catalogue, channels, "order_completed", bought, checkout[views["visit"]], quantity),
    ]
    return pa.concat_tables(parts)


def _events(
    views: dict[str, Any], catalogue: Catalogue, channels: Any, event: str, which: Any, at: Any, quantity: Any
) -> pa.Table:
    item, visit = views["item"][which], views["visit"][which]
    count = len(item)
    pieces = np.ones(count, dtype=np.int64) if event == "product_viewed" else quantity[which]
    prices = np.array([i["price"] for i in catalogue.items])
    bought = event == "order_completed"
    return pa.table(
        {
            "profile_id": views["ids"][views["person"][which]],
            "item_id": np.array([i["item_id"] for i in catalogue.items])[item],
            "event": pa.array([event] * count),
            "at": pa.array(at[which] * 1_000_000, pa.timestamp("us", tz="UTC")),
            "quantity": pa.array(pieces, pa.int64()),
            "amount": np.round(prices[item] * pieces, 2) if bought else pa.nulls(count, pa.float64()),
            "category": np.array([i["category"] for i in catalogue.items])[item],
            "channel": channels[visit],
            "order_id": np.char.add("O-", visit.astype(str)) if bought else pa.nulls(count, pa.string()),
        }
    )


def _impossible(rng: np.random.Generator, events: pa.Table, now: datetime) -> pa.Table:
    """Rows that no shop can have and every shop has: of tomorrow, of nobody, of nothing, of less than one."""
    rows = events.take(pa.array(rng.choice(events.num_rows, 400, replace=False))).to_pylist()
    for i, row in enumerate(rows):
        if i % 4 == 0:
            row["at"] = now + timedelta(days=1 + i)
        elif i % 4 == 1:
            row["profile_id"] = f"FF-{90000 + i}"
        elif i % 4 == 2:
            row["item_id"] = f"OLD-{i:03d}"
        else:
            row["quantity"] = -1
    return pa.Table.from_pylist(rows, schema=events.schema)
