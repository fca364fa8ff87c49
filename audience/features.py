"""Features: what a profile's interactions say about it, computed for the whole audience in arrays.

Every definition, with formula and unit, is in docs/audience.md; ``FEATURES`` declares them like attributes.
Interactions after ``now`` do not exist. All sums run over whole numbers (millionths), so that the result
does not depend on the order in which threads add them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import arrow_schema
from audience.collected import Names, fill_carts, list_viewed, name_items, weigh_categories
from audience.cores import each
from audience.counted import count_events, measure_engagement, sum_money, tell_stages, tell_times
from audience.history import KINDS, History, history_of
from audience.hours import Clocks, clocks_of, preferred_hours
from audience.order import flat, places_of
from audience.rfm import RfmCuts, rfm_cuts, rfm_scores
from audience.zones import known_zones
from mailwright.model.schema import Attribute, Schema


def _count(description: str) -> Attribute:
    return Attribute(type="integer", description=description, required=True)


def _time(description: str) -> Attribute:
    return Attribute(type="timestamp", description=description)


def _number(description: str, *, always: bool = False) -> Attribute:
    return Attribute(type="number", description=description, required=always)


def _text(description: str, *allowed: str, always: bool = False) -> Attribute:
    return Attribute(type="string", description=description, allowed=allowed or None, required=always)


def _list(description: str, items: Attribute) -> Attribute:
    return Attribute(type="list", description=description, items=items, required=True)


def _score(description: str) -> Attribute:
    return Attribute(type="integer", description=description, min=1, max=5)


_CART_ITEM = Attribute(
    type="object",
    fields={
        "item_id": Attribute(type="string"),
        "quantity": Attribute(type="integer"),
        "added_at": Attribute(type="timestamp"),
    },
)

FEATURES: Schema = {
    "purchases": _count("orders, ever"),
    "purchases_30d": _count("orders in the last 30 days"),
    "purchases_90d": _count("orders in the last 90 days"),
    "purchases_365d": _count("orders in the last 365 days"),
    "items_purchased": _count("pieces bought, ever"),
    "views": _count("product views, ever"),
    "views_48h": _count("product views in the last 48 hours"),
    "views_30d": _count("product views in the last 30 days"),
    "added_48h": _count("items put into the cart in the last 48 hours"),
    "added_30d": _count("items put into the cart in the last 30 days"),
    "first_seen_at": _time("first interaction of any kind"),
    "last_seen_at": _time("last interaction of any kind"),
    "first_purchase_at": _time("first order"),
    "last_purchase_at": _time("last order"),
    "last_viewed_at": _time("last product view"),
    "total_spent": _number("money spent, ever, in the profile's currency", always=True),
    "spent_365d": _number("money spent in the last 365 days", always=True),
    "average_order_value": _number("total_spent / purchases; missing without an order"),
    "favourite_category": _text("the category with the highest affinity"),
    "category_affinities": _list(
        "up to five categories and their share of the interest, highest first",
        Attribute(
            type="object", fields={"category": Attribute(type="string"), "share": Attribute(type="number")}
        ),
    ),
    "recently_viewed": _list("the last ten different items viewed, newest first", Attribute(type="string")),
    "cart": Attribute(
        type="object",
        required=True,
        description="items added in the last 14 days and after the last order, oldest first",
        fields={
            "items": Attribute(type="list", items=_CART_ITEM),
            "updated_at": Attribute(type="timestamp", description="when something was last added"),
        },
    ),
    "engagement": Attribute(
        type="number", required=True, min=0, max=1, description="0 (silent) to 1 (here all the time)"
    ),
    "engagement_velocity": Attribute(
        type="number", required=True, min=-1, max=1, description="engagement now less that of 30 days ago"
    ),
    "trend": _text(
        "direction of the engagement; missing for a profile never seen", "rising", "steady", "falling"
    ),
    "rfm_recency": _score("5: among the fifth of buyers that bought last; missing without an order"),
    "rfm_frequency": _score("5: among the fifth of buyers with the most orders in 365 days"),
    "rfm_monetary": _score("5: among the fifth of buyers that spent most in 365 days"),
    "rfm": _text("the three scores in a row: 545"),
    "lifecycle": _text(
        "stage in the life of a buyer",
        *("prospect", "new", "active", "loyal", "at_risk", "lapsed"),
        always=True,
    ),
    "preferred_hour": Attribute(
        type="integer",
        min=0,
        max=23,
        description="hour of the profile's day at which it is most often seen",
    ),
}
"""Attributes that every profile has beside the declared ones, all of them computed here; those that are
``required`` are never missing."""


_MOST_EVENTS, _MOST_PEOPLE = 250_000, 125_000
"""Interactions and profiles worked on at a time: what bounds the memory, as no feature spans two profiles."""


def add_features(
    profiles: pa.Table,
    interactions: pa.Table,
    items: pa.Table,
    *,
    now: datetime,
    cuts: RfmCuts | None = None,
) -> pa.Table:
    """The profiles, in their order, with a column for each of ``FEATURES`` (those there are replaced).

    Counts are 0 and lists empty for a profile without interactions; times and averages are NULL. With
    ``cuts`` RFM scores are measured against those instead of the profiles at hand.
    """
    events, names = _numbered(profiles, interactions, items)
    clocks = clocks_of(_zones(profiles), events.column("at"))
    starts = np.searchsorted(events.column("position").to_numpy(), np.arange(profiles.num_rows + 1))
    stretches = list(_stretches(starts))

    def of(stretch: tuple[int, int]) -> pa.Table:
        low, high = stretch
        mine = events.slice(int(starts[low]), int(starts[high] - starts[low]))
        return pa.table(_computed(history_of(mine, low, high, now), names, clocks, low))

    result = pa.concat_tables(each(of, stretches, large=len(stretches) > 1))
    scores = rfm_scores(result, cuts or rfm_cuts(result, now=now), now=now)
    kept = profiles.select([name for name in profiles.column_names if name not in FEATURES])
    for field in arrow_schema(FEATURES):
        column = scores[field.name] if field.name in scores else result.column(field.name)
        kept = kept.append_column(field, column.cast(field.type))
    return kept


def _computed(h: History, names: Names, clocks: Clocks, low: int) -> dict[str, pa.Array]:
    """All features of some profiles but for their RFM scores, for which all buyers must be known."""
    found = {**count_events(h), **tell_times(h)}
    found |= sum_money(h, found["purchases"].to_numpy())
    found |= measure_engagement(h, seen=found["last_seen_at"])
    found |= weigh_categories(h, names)
    found["recently_viewed"] = list_viewed(h, names)
    found["cart"] = fill_carts(h, names)
    found["lifecycle"] = tell_stages(h, found)
    found["preferred_hour"] = preferred_hours(h, clocks, low)
    return found


def _stretches(starts: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Runs of profiles (from, to) with few enough events each; at least one, for an audience of nobody."""
    low, last = 0, len(starts) - 1
    while True:
        high = int(np.searchsorted(starts, starts[low] + _MOST_EVENTS, side="right")) - 1
        high = min(max(high, low + 1), low + _MOST_PEOPLE, last)
        yield low, high
        if high >= last:
            return
        low = high


def _numbered(profiles: pa.Table, interactions: pa.Table, items: pa.Table) -> tuple[pa.Table, Names]:
    """The interactions of these profiles with numbers in place of ids, by position; and the items' names.

    Numbers of items are in the order of their ids.
    """
    item_ids = flat(pc.unique(interactions.column("item_id"))).drop_null()
    item_ids = item_ids.take(pc.sort_indices(item_ids))
    sets = {
        "item_id": item_ids,
        "event": pa.array(KINDS, pa.string()),
        "profile_id": _one(profiles.column("profile_id")),
    }

    def places(name: str) -> pa.Array:
        return places_of(_one(interactions.column(name)), sets[name])

    large = interactions.num_rows >= _MOST_EVENTS
    item, kind, position = each(places, sets, large=large)
    columns = {"position": position, "item": item, "kind": kind}
    columns |= {name: interactions.column(name) for name in ("at", "quantity", "amount")}
    events = pa.table(columns)
    if position.null_count:
        events = events.filter(pc.is_valid(events.column("position")))
    numbers = events.column("position").to_numpy()
    if (numbers[1:] < numbers[:-1]).any():
        events = events.take(pa.array(np.argsort(numbers, kind="stable")))
    category = _one(items.column("category")).take(
        pc.index_in(item_ids, value_set=_one(items.column("item_id")))
    )
    return events, name_items(item_ids, category)


def _zones(profiles: pa.Table) -> pa.Array:
    """Where each profile lives; NULL, and so UTC, where that is no place."""
    if "timezone" not in profiles.column_names:
        return pa.nulls(profiles.num_rows, pa.string())
    zones = _one(profiles.column("timezone"))
    return pc.if_else(pc.is_in(zones, value_set=known_zones()), zones, None)


def _one(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
