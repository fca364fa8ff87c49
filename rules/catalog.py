"""The names that a rule may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailwright.model.schema import Schema


@dataclass(frozen=True)
class RuleCatalog:
    """Attributes of profiles, names of segments, and events with the fields that each of them has.

    Where items can be asked for (``recommend(…)``), the ``strategies`` there are, and the ``item_paths``:
    attributes that hold items, such as ``cart.items``.
    """

    attributes: Schema
    segments: frozenset[str] = frozenset()
    events: Mapping[str, Schema] = field(default_factory=dict)
    strategies: frozenset[str] = frozenset()
    item_paths: frozenset[str] = frozenset()
