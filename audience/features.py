"""Features: what a profile's interactions say about it, computed for the whole audience in one query.

Every definition, with formula and unit, is in docs/audience.md; ``FEATURES`` declares them like attributes.
Interactions after ``now`` do not exist. All sums run over whole numbers (millionths), so that the result
does not depend on the order in which threads add them up.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from audience.arrow import arrow_schema, arrow_type, query
from mailwright.model.schema import Attribute, Schema


def _count(description: str) -> Attribute:
    return Attribute(type="integer", description=description)


def _time(description: str) -> Attribute:
    return Attribute(type="timestamp", description=description)


def _number(description: str) -> Attribute:
    return Attribute(type="number", description=description)


def _text(description: str, *allowed: str) -> Attribute:
    return Attribute(type="string", description=description, allowed=allowed or None)


def _list(description: str, items: Attribute) -> Attribute:
    return Attribute(type="list", description=description, items=items)


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
    "total_spent": _number("money spent, ever, in the profile's currency"),
    "spent_365d": _number("money spent in the last 365 days"),
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
        description="items added in the last 14 days and after the last order, oldest first",
        fields={
            "items": Attribute(type="list", items=_CART_ITEM),
            "updated_at": Attribute(type="timestamp", description="when something was last added"),
        },
    ),
    "engagement": Attribute(type="number", min=0, max=1, description="0 (silent) to 1 (here all the time)"),
    "engagement_velocity": Attribute(
        type="number", min=-1, max=1, description="engagement now less that of 30 days ago"
    ),
    "trend": _text(
        "direction of the engagement; missing for a profile never seen", "rising", "steady", "falling"
    ),
    "rfm_recency": _score("5: among the fifth of buyers that bought last; missing without an order"),
    "rfm_frequency": _score("5: among the fifth of buyers with the most orders in 365 days"),
    "rfm_monetary": _score("5: among the fifth of buyers that spent most in 365 days"),
    "rfm": _text("the three scores in a row: 545"),
    "lifecycle": _text(
        "stage in the life of a buyer", "prospect", "new", "active", "loyal", "at_risk", "lapsed"
    ),
    "preferred_hour": Attribute(
        type="integer",
        min=0,
        max=23,
        description="hour of the profile's day at which it is most often seen",
    ),
}
"""Attributes that every profile has beside the declared ones, all of them computed here."""


@dataclass(frozen=True)
class RfmCuts:
    """The 20, 40, 60 and 80 % points of all buyers; a score is one more than the cuts that a value exceeds.

    ``recency_s`` are seconds since the last order (fewer is better), ``frequency`` orders in 365 days,
    ``monetary`` money spent in them. Kept with the audience, so that one profile is scored as among all.
    """

    recency_s: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]


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
    declared = [name for name in profiles.column_names if name not in FEATURES]
    tables: dict[str, pa.Table] = {
        "profiles": _slim_profiles(profiles),
        "interactions": interactions.select(["profile_id", "item_id", "event", "at", "quantity", "amount"]),
        "items": items.select(["item_id", "category"]),
    }
    given = asdict(cuts) if cuts else {"recency_s": (), "frequency": (), "monetary": ()}
    params: dict[str, Any] = {"now": now, **{name: list(values) or None for name, values in given.items()}}
    result = query(_FEATURES_SQL, params, **tables)
    computed = [_column(result, name, FEATURES[name]) for name in FEATURES]
    kept = profiles.select(declared)
    for field, column in zip(arrow_schema(FEATURES), computed, strict=True):
        kept = kept.append_column(field, column)
    return kept


def rfm_cuts(profiles: pa.Table, *, now: datetime) -> RfmCuts:
    """The cuts of this audience, from the features that it already has."""
    row = query(_CUTS_SQL, {"now": now}, profiles=profiles).to_pylist()[0]
    return RfmCuts(*(tuple(row[name] or ()) for name in ("recency_s", "frequency", "monetary")))


_FEATURES_SQL = Path(__file__).with_name("features.sql").read_text(encoding="utf-8")
_CUTS_SQL = """
SELECT quantile_disc(epoch($now::TIMESTAMPTZ) - epoch(last_purchase_at), [0.2, 0.4, 0.6, 0.8]) AS recency_s,
       quantile_disc(purchases_365d::DOUBLE, [0.2, 0.4, 0.6, 0.8]) AS frequency,
       quantile_disc(spent_365d, [0.2, 0.4, 0.6, 0.8]) AS monetary
FROM profiles WHERE purchases > 0
"""


def _slim_profiles(profiles: pa.Table) -> pa.Table:
    """The two columns that features read, and the position that keeps the order."""
    zones = (
        profiles.column("timezone")
        if "timezone" in profiles.column_names
        else pa.nulls(profiles.num_rows, pa.string())
    )
    return pa.table(
        {"profile_id": profiles.column("profile_id"), "timezone": zones, "position": range(profiles.num_rows)}
    )


def _column(result: pa.Table, name: str, attribute: Attribute) -> pa.ChunkedArray:
    return result.column(name).cast(arrow_type(attribute))
