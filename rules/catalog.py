"""The names that a rule may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mailwright.model.schema import Schema
from mailwright.model.segment import SegmentSpec


@dataclass(frozen=True)
class RuleCatalog:
    """Attributes of profiles, names of segments, and events with the fields that each of them has.

    Where items can be asked for (``recommend(…)``), the ``strategies`` there are, and the ``item_paths``:
    attributes that hold items, such as ``cart.items``. ``groups`` and ``parents`` say, by a segment's name,
    of which group it is one (a profile is in at most one of a group) and of which segment it is a part.
    ``computed`` are the attributes that no source gives.
    """

    attributes: Schema
    segments: frozenset[str] = frozenset()
    events: Mapping[str, Schema] = field(default_factory=dict)
    strategies: frozenset[str] = frozenset()
    item_paths: frozenset[str] = frozenset()
    groups: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    computed: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        return hash((frozenset(self.attributes), self.segments, frozenset(self.events)))

    def with_segments(self, specs: Mapping[str, SegmentSpec]) -> RuleCatalog:
        """The catalog with these segments too, and how they stand to each other."""
        return replace(
            self,
            segments=self.segments | frozenset(specs),
            groups={name: spec.group for name, spec in specs.items() if spec.group is not None},
            parents={name: spec.parent for name, spec in specs.items() if spec.parent is not None},
        )
