"""The events of one profile out of all interactions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import as_rows
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

    @cached_property
    def _names(self) -> list[str]:
        return list(self._places)

    def place(self, profile_id: str) -> tuple[int, int]:
        """The profile's first row and the row after its last; where they would be, if it has none."""
        found = self._places.get(profile_id)
        if found is not None:
            return found
        after = bisect_left(self._names, profile_id)
        end = self._places[self._names[after]][0] if after < len(self._names) else len(self._interactions)
        return end, end

    def __call__(self, profile_id: str) -> EventView:
        return EventView(self.rows(profile_id))

    def rows(self, profile_id: str) -> list[dict[str, Any]]:
        """The interactions of that profile, oldest first."""
        return self.rows_of([profile_id])[profile_id]

    def rows_of(self, profile_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """``rows`` of each of these profiles, read together."""
        places = [(name, *self._places.get(name, (0, 0))) for name in profile_ids]
        wanted = np.concatenate([np.arange(start, end) for _, start, end in places] or [np.arange(0)])
        rows = as_rows(self._interactions.take(pa.array(wanted, pa.int64())))
        found, at = {}, 0
        for name, start, end in places:
            found[name] = rows[at : at + end - start]
            at += end - start
        return found
