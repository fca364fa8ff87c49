"""The names that template authors may use, and which values are known to be there."""

from __future__ import annotations

from mailwright.model.recommendation import OWN_FIELDS
from mailwright.model.schema import ITEM_ATTRIBUTES, Schema
from mailwright.model.workspace import WorkspaceSpec
from render.asked import askable
from rules import RuleCatalog

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
ALWAYS = frozenset(SPECIAL - {"recommendation_note"}) | {"profile_id"}
"""Names that are never missing."""


def visible_names(catalog: RuleCatalog) -> frozenset[str]:
    """Attributes, specials, ``segment:x`` for each segment, and what can be asked for."""
    segments = {f"segment:{name}" for name in catalog.segments}
    return frozenset(catalog.attributes) | SPECIAL | segments | askable(catalog)


def item_fields(settings: WorkspaceSpec) -> frozenset[str]:
    """Fields of the catalogue's items: what everyone sees of an item is the same."""
    return frozenset({**ITEM_ATTRIBUTES, **settings.item}) - set(OWN_FIELDS)


def certain_names(attributes: Schema) -> frozenset[str]:
    """Names whose value can be shown without a fallback."""
    sure = {name for name, spec in attributes.items() if spec.required or spec.default is not None}
    return ALWAYS | sure
