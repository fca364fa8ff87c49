"""The events of one profile out of all interactions."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rules import EventView


class EventsOfProfiles:
    """``lookup(profile_id)`` gives what that profile did; ``interactions`` are sorted by profile."""

    def __init__(self, interactions: pa.Table) -> None:
        self._interactions = interactions

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        """Profile → its first row and the row after its last."""
        runs = pc.run_end_encode(self._interactions["profile_id"].combine_chunks())
        ends = runs.run_ends.to_pylist()
        return dict(zip(runs.values.to_pylist(), zip([0, *ends], ends, strict=False), strict=True))

    def __call__(self, profile_id: str) -> EventView:
        return EventView(self.rows(profile_id))

    def rows(self, profile_id: str) -> list[dict[str, Any]]:
        """The interactions of that profile, oldest first."""
        start, end = self._places.get(profile_id, (0, 0))
        found: list[dict[str, Any]] = self._interactions.slice(start, end - start).to_pylist()
        return found
