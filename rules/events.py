"""The events of one profile, kept so that a window over them is found by bisection."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


class EventView:
    """What one profile did: rows with ``event``, ``at`` (aware) and the event's fields, in any order.

    A row without a name or an instant is no event.
    """

    __slots__ = ("_by_name",)

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self._by_name: dict[str, tuple[list[datetime], list[Mapping[str, Any]]]] = {}
        for row in rows:
            if row.get("event") is not None and row.get("at") is not None:
                times, events = self._by_name.setdefault(row["event"], ([], []))
                times.append(row["at"])
                events.append(row)
        for name, (times, events) in self._by_name.items():
            if any(later < earlier for earlier, later in pairwise(times)):
                order = sorted(range(len(times)), key=times.__getitem__)
                self._by_name[name] = ([times[i] for i in order], [events[i] for i in order])

    def add(self, row: Mapping[str, Any]) -> None:
        """One more event, put where its instant belongs: what a live profile does as events arrive."""
        times, events = self._by_name.setdefault(row["event"], ([], []))
        place = bisect_right(times, row["at"])
        times.insert(place, row["at"])
        events.insert(place, row)

    def count(self, event: str, after: datetime | None, until: datetime) -> int:
        """How many events named ``event`` lie in (after, until]; ``after`` None: since ever."""
        found = self._by_name.get(event)
        if found is None:
            return 0
        times = found[0]
        return bisect_right(times, until) - (0 if after is None else bisect_right(times, after))

    def within(self, event: str, after: datetime | None, until: datetime) -> Sequence[Mapping[str, Any]]:
        """The events named ``event`` in (after, until], oldest first."""
        found = self._by_name.get(event)
        if found is None:
            return ()
        times, events = found
        return events[0 if after is None else bisect_right(times, after) : bisect_right(times, until)]


def event_views(interactions: pa.Table, profile_ids: Iterable[str] | None = None) -> dict[str, EventView]:
    """An ``EventView`` for each profile that has interactions (of those named, when any are)."""
    if profile_ids is not None:
        wanted = pa.array(list(profile_ids), pa.string())
        interactions = interactions.filter(pc.is_in(interactions["profile_id"], value_set=wanted))
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in _rows(interactions):
        rows.setdefault(row["profile_id"], []).append(row)
    return {profile_id: EventView(events) for profile_id, events in rows.items()}


def _rows(interactions: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in interactions.to_batches(max_chunksize=65_536):
        for row in batch.to_pylist():
            if row["profile_id"] is not None:
                yield row
