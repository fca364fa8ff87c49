"""The names that a rule may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailwright.model.schema import Schema


@dataclass(frozen=True)
class RuleCatalog:
    """Attributes of profiles, names of segments, and events with the fields that each of them has."""

    attributes: Schema
    segments: frozenset[str] = frozenset()
    events: Mapping[str, Schema] = field(default_factory=dict)
