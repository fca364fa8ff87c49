"""A schema with an attribute of every type, events, and where the rules of these tests stand."""

from __future__ import annotations

from datetime import UTC, datetime

from mailwright.errors import Location
from mailwright.model.schema import (
    ADDED,
    INTERACTION_ATTRIBUTES,
    PROFILE_ATTRIBUTES,
    PURCHASED,
    VIEWED,
    Attribute,
    Schema,
)
from rules import RuleCatalog, RuleContext

NOW = datetime(2026, 6, 1, 12, 30, 15, 250_000, tzinfo=UTC)
AT = Location("segments.yaml", 3, 9)

STRING, INTEGER, NUMBER = Attribute(type="string"), Attribute(type="integer"), Attribute(type="number")
ITEM = Attribute(type="object", fields={"item_id": STRING, "score": NUMBER})

ATTRIBUTES: Schema = PROFILE_ATTRIBUTES | {
    "first_name": STRING,
    "country": Attribute(type="string", allowed=("NO", "SE", "DK")),
    "points": INTEGER,
    "visits": INTEGER,
    "spend": NUMBER,
    "share": Attribute(type="number", min=0, max=1),
    "subscribed": Attribute(type="boolean"),
    "birthday": Attribute(type="date"),
    "registered_at": Attribute(type="timestamp"),
    "last_purchase_at": Attribute(type="timestamp"),
    "tags": Attribute(type="list", items=STRING),
    "scores": Attribute(type="list", items=NUMBER),
    "level": Attribute(type="integer", default=7),
    "address": Attribute(
        type="object",
        fields={
            "city": STRING,
            "zip": Attribute(type="string", default="0000"),
            "since": Attribute(type="timestamp"),
            "geo": Attribute(type="object", fields={"lat": NUMBER}),
        },
    ),
    "cart": Attribute(type="object", fields={"items": Attribute(type="list", items=ITEM)}),
    "recommendations": Attribute(type="list", items=ITEM),
}
EVENT: Schema = INTERACTION_ATTRIBUTES | {"category": STRING, "rebate": NUMBER}
EVENTS = dict.fromkeys((VIEWED, ADDED, PURCHASED), EVENT)
CATALOG = RuleCatalog(ATTRIBUTES, frozenset({"vip", "new"}), EVENTS)
CONTEXT = RuleContext(NOW)
