"""Attributes: what is known of a profile, an item or an event, and of which type it is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import model_validator

from mailwright.model.spec import Spec

AttributeType = Literal["string", "integer", "number", "boolean", "date", "timestamp", "list", "object"]
"""``integer`` is 64-bit, ``number`` a double, ``timestamp`` an instant (kept in UTC, microseconds)."""

PYTHON_TYPES: dict[AttributeType, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "date": date,
    "timestamp": datetime,
    "list": (list, tuple),
    "object": dict,
}
"""What a default or an allowed value is in Python."""

PII = Literal["none", "indirect", "direct"]
"""``direct`` identifies a person alone (an address, a name), ``indirect`` in combination (a birthday)."""


class Attribute(Spec):
    """One attribute: its type, and what values it may take.

    ``items`` is the element of a ``list``, ``fields`` the members of an ``object``. A value outside
    ``allowed``, ``min`` or ``max`` is bad data: it is set aside and listed, and the attribute is missing.
    ``default`` stands for a missing value everywhere: in rules, templates and exports.
    """

    type: AttributeType
    description: str = ""
    required: bool = False
    default: Any = None
    pii: PII = "none"
    allowed: tuple[Any, ...] | None = None
    min: float | date | datetime | None = None
    max: float | date | datetime | None = None
    items: Attribute | None = None
    fields: dict[str, Attribute] | None = None

    @model_validator(mode="after")
    def _shape_is_whole(self) -> Attribute:
        if (self.type == "list") != (self.items is not None):
            raise ValueError("a list, and only a list, has items (the attribute of its elements)")
        if (self.type == "object") != (self.fields is not None):
            raise ValueError("an object, and only an object, has fields (name: attribute)")
        return self

    @model_validator(mode="after")
    def _values_are_of_the_type(self) -> Attribute:
        for value in (self.default, *(self.allowed or ())):
            if value is not None and not isinstance(value, PYTHON_TYPES[self.type]):
                raise ValueError(f"{value!r} is no {self.type}")
            if isinstance(value, bool) and self.type != "boolean":
                raise ValueError(f"{value!r} is no {self.type}")
        return self


Schema = dict[str, Attribute]
"""Attribute by name, in declared order."""


def _text(description: str, pii: PII = "none") -> Attribute:
    return Attribute(type="string", description=description, pii=pii)


PROFILE_ATTRIBUTES: Schema = {
    "profile_id": Attribute(type="string", required=True, pii="indirect", description="the profile's own id"),
    "email": _text("where the mail goes", "direct"),
    "locale": _text("language, with or without region: no, sv-SE"),
    "timezone": _text("IANA name: Europe/Oslo"),
    "consent": Attribute(
        type="list",
        items=Attribute(type="string"),
        description="purposes that this person agreed to; a campaign's `purpose` must be among them",
    ),
    "unsubscribed": Attribute(type="boolean", default=False, description="wants no mail at all"),
}
"""What every profile has, declared by the workspace or not; its names have the same meaning everywhere."""

ITEM_ATTRIBUTES: Schema = {
    "item_id": Attribute(type="string", required=True, description="the item's own id"),
    "title": Attribute(type="string", required=True, description="what a reader calls it"),
    "description": _text("one or two sentences"),
    "category": _text("where it stands in the shop"),
    "price": Attribute(type="number", min=0, description="in `currency`"),
    "currency": _text("ISO 4217 code"),
    "url": _text("its page"),
    "image": _text("a local file of the workspace, or an https address"),
    "in_stock": Attribute(type="boolean", default=True, description="whether it can be bought now"),
    "added_at": Attribute(type="timestamp", description="when it came into the catalogue"),
}
"""What every item of the catalogue has; only the id and the title must be known."""

INTERACTION_ATTRIBUTES: Schema = {
    "profile_id": Attribute(type="string", required=True, description="who"),
    "item_id": Attribute(type="string", description="which item, for events about an item"),
    "event": Attribute(type="string", required=True, description="what happened: product_viewed …"),
    "at": Attribute(type="timestamp", required=True, description="when"),
    "quantity": Attribute(type="integer", default=1, min=1, description="how many"),
    "amount": Attribute(type="number", min=0, description="money that changed hands, in all"),
}
"""An interaction is an event of one profile, mostly with one item."""

VIEWED, ADDED, PURCHASED = "product_viewed", "product_added", "order_completed"
"""Event names of Segment's e-commerce spec; features and recommendations know these three."""

MAIL_OPENED, MAIL_CLICKED = "email_opened", "email_clicked"
"""What people (and no machines) do with mails, as webhooks tell it: ``measure.outcome_interactions``."""

STANDARD_EVENTS = (
    VIEWED,
    ADDED,
    PURCHASED,
    "product_removed",
    "product_searched",
    "checkout_started",
    "page_viewed",
    "email_delivered",
    MAIL_OPENED,
    MAIL_CLICKED,
    "email_unsubscribed",
)
"""Events that rules may name without the workspace declaring them."""
