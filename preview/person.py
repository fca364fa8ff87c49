"""How a profile is named on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailwright.catalog import profile_schema
from mailwright.model.schema import Schema
from mailwright.model.workspace import WorkspaceSpec
from preview.masking import masked_values

NAMES = (
    ("first_name", "last_name"),
    ("given_name", "family_name"),
    ("name",),
    ("full_name",),
    ("first_name",),
)
"""What a workspace may call a person's name, the fullest first."""


def name_of(values: Mapping[str, Any]) -> str:
    """A name for a heading: the person's, else the address, else the id."""
    for parts in NAMES:
        found = [str(values[part]).strip() for part in parts if values.get(part)]
        if found:
            return " ".join(found)
    return str(values.get("email") or values["profile_id"])


def shown_values(values: dict[str, Any], spec: WorkspaceSpec, *, mask: bool) -> dict[str, Any]:
    """The values of a profile as a page may show them."""
    return masked_values(values, profile_schema(spec)) if mask else values


def schema_of(spec: WorkspaceSpec) -> Schema:
    return profile_schema(spec)
