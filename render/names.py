"""The names that template authors may use, and which values are known to be there."""

from __future__ import annotations

from mailwright.model.recommendation import OWN_FIELDS
from mailwright.model.schema import ITEM_ATTRIBUTES, Attribute, Schema
from mailwright.model.workspace import WorkspaceSpec
from render.asked import askable
from rules import RuleCatalog
from rules.kind import STRING, TIMESTAMP, Kind, kind_of

SPECIAL = frozenset(
    [
        "brand",
        "theme",
        "campaign",
        "now",
        "locale",
        "subject",
        "preheader",
        "recommendations",
        "recommendation_note",
        "unsubscribe_url",
        "preferences_url",
        "view_url",
    ]
)
"""Names beside the profile's attributes; they hide an attribute of the same name."""
_OPEN = frozenset({"brand", "theme", "campaign"})
ALWAYS = frozenset(SPECIAL - {"recommendation_note"}) | {"profile_id"}
"""Names that are never missing."""


def visible_names(catalog: RuleCatalog) -> frozenset[str]:
    """Attributes, specials, ``segment:x`` for each segment, and what can be asked for."""
    segments = {f"segment:{name}" for name in catalog.segments}
    return frozenset(catalog.attributes) | SPECIAL | segments | askable(catalog)


def visible_kinds(catalog: RuleCatalog, settings: WorkspaceSpec) -> dict[str, Kind]:
    """What the values of the names are; a recommended item has its fields in the catalogue too. Of the
    brand, the theme and the campaign nothing is said: they are constants, and looked up when compiling."""
    kinds = {name: kind_of(attribute) for name, attribute in catalog.attributes.items() if name not in _OPEN}
    fields = kind_of(Attribute(type="object", fields={**ITEM_ATTRIBUTES, **settings.item})).fields
    recommended = kinds.get("recommendations")
    own = recommended.element.fields if recommended and recommended.element else {}
    kinds["recommendations"] = Kind("list", Kind("object", None, {**own, **fields}))
    texts = SPECIAL - _OPEN - {"now", "recommendations"}
    return kinds | dict.fromkeys(texts, STRING) | {"now": TIMESTAMP}


def item_fields(settings: WorkspaceSpec) -> frozenset[str]:
    """Fields of the catalogue's items: what everyone sees of an item is the same."""
    return frozenset({**ITEM_ATTRIBUTES, **settings.item}) - set(OWN_FIELDS)


def certain_names(attributes: Schema) -> frozenset[str]:
    """Names whose value can be shown without a fallback."""
    sure = {name for name, spec in attributes.items() if spec.required or spec.default is not None}
    return ALWAYS | sure
