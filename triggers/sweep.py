"""What the calendar begins: schedules, dates of profiles, and segments that time alone changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from cronsim import CronSim

from audience import add_features
from mailwright.engine import beside, segment_audience
from rules import evaluate_rules
from triggers.batch import Batch
from triggers.begin import Beginner
from triggers.novelty import Novelty
from triggers.people import People
from triggers.program import Trigger
from triggers.store import Store
from triggers.waits import zone_of
from triggers.world import World

_TOGETHER = 500
"""Profiles begun in one transaction."""
EVERY = timedelta(hours=1)
"""How often segments are looked at again for what time has changed in them."""


class Sweep:
    """Begins what no event begins. What was last done is in the store, so that nothing is done twice and
    what was missed while the server was down is found."""

    def __init__(
        self,
        world: World,
        triggers: Mapping[str, Trigger],
        people: People,
        store: Store,
        beginner: Beginner,
    ) -> None:
        self._world, self._people, self._store, self._beginner = world, people, store, beginner
        self._zone = zone_of(world.workspace.spec.timezone, "UTC")
        self._schedules = [t for t in triggers.values() if t.start.schedule is not None]
        self._dates = [t for t in triggers.values() if t.start.date is not None]
        self.novelty = Novelty(world, triggers, store, beginner, self._batch)
        self._segments = any(t.start.kind.startswith("segment") for t in triggers.values())

    def next_due(self, now: datetime) -> datetime | None:
        """When there is next something to look at; None: never."""
        found = [self._tick_after(trigger, now) for trigger in self._schedules]
        if self._dates or self._segments or self.novelty:
            found.append(now.replace(minute=0, second=0, microsecond=0) + EVERY)
        return min(found, default=None)

    def sweep(self, now: datetime) -> int:
        """Begin what is due at ``now``; how many profiles were looked at."""
        looked = sum(self._schedule(trigger, now) for trigger in self._schedules)
        looked += sum(self._date(trigger, now) for trigger in self._dates)
        if self._segments and self._moved("segments", now.timestamp() // EVERY.total_seconds()) is not None:
            looked += self._memberships(now)
        return looked + self.novelty.sweep(now)

    # ── schedules ──

    def _tick_after(self, trigger: Trigger, moment: datetime) -> datetime:
        assert trigger.start.schedule is not None
        return next(CronSim(trigger.start.schedule, moment.astimezone(self._zone))).astimezone(UTC)

    def _schedule(self, trigger: Trigger, now: datetime) -> int:
        """The last tick up to now that has not been done; earlier ones that were missed stay undone."""
        name = f"schedule:{trigger.name}"
        with self._store.db.write() as connection:
            last = self._store.read_meta(connection, name)
            if last is None:
                self._store.write_meta(connection, name, now.timestamp())
                return 0
        done = datetime.fromtimestamp(last, UTC)
        tick = self._tick_after(trigger, done)
        if tick > now:
            return 0
        while (after := self._tick_after(trigger, tick)) <= now:
            tick = after
        ids = self._holding(trigger, now)
        origin = {"event": "schedule", "at": tick}
        for some in _together(ids):
            with self._batch(some, now) as batch:
                for profile_id in some:
                    self._beginner.begin(batch, trigger, profile_id, origin, tick.isoformat(), tick)
        with self._store.db.write() as connection:
            self._store.write_meta(connection, name, tick.timestamp())
        return len(ids)

    def _holding(self, trigger: Trigger, now: datetime) -> list[str]:
        """Those of the files for whom ``when`` holds, over the whole frame; and everybody who has come since,
        who is asked when begun."""
        audience = self._world.audience
        later = set(self._store.profile_ids())
        frame = add_features(
            audience.profiles, audience.interactions, audience.items, now=now, cuts=audience.cuts
        )
        frame, _ = self._world.source.learned.beside(frame, now=now)
        if trigger.when.segments:
            anew = replace(audience, profiles=frame)
            frame = beside(frame, segment_audience(self._world.workspace, anew, now=now).columns)
        held = evaluate_rules({"when": trigger.when}, frame, now=now, interactions=audience.interactions)
        ids: list[str] = frame.filter(pa.compute.fill_null(held["when"], False))["profile_id"].to_pylist()
        return sorted({name for name in ids if name not in later} | later)

    # ── dates ──

    def _date(self, trigger: Trigger, now: datetime) -> int:
        today = now.astimezone(self._zone).date()
        name = f"date:{trigger.name}"
        if self._moved(name, today.isoformat()) is None:
            return 0
        # Tomorrow's too: where it is already tomorrow, its hour comes before this is looked at again.
        days = [today, today + timedelta(days=1)]
        looked = 0
        for some in _together(self._with_date(trigger, days)):
            with self._batch(some, now) as batch:
                for profile_id in some:
                    looked += self._begin_date(batch, trigger, profile_id, days)
        return looked

    def _begin_date(self, batch: Batch, trigger: Trigger, profile_id: str, days: Sequence[date]) -> int:
        profile = batch.profiles[profile_id]
        zone = zone_of(profile.attributes.get("timezone"), self._zone.key)
        value = profile.attributes.get(str(trigger.start.date))
        begun = 0
        for day in days:
            if value is not None and _falls(trigger, value, day, zone):
                at = datetime.combine(day, trigger.start.at, tzinfo=zone).astimezone(UTC)
                origin = {"event": "date", "date": trigger.start.date, "at": at}
                self._beginner.begin(batch, trigger, profile_id, origin, day.isoformat(), at)
                begun += 1
        return begun

    def _with_date(self, trigger: Trigger, days: Sequence[date]) -> list[str]:
        """Whose date falls on one of these days, and everybody of whom something was told since."""
        name = str(trigger.start.date)
        if name not in self._world.attributes.column_names:
            return sorted(self._store.profile_ids())
        table = self._world.attributes.select(["profile_id", name, "timezone"]).to_pylist()
        found = set(self._store.profile_ids())
        for row in table:
            zone = zone_of(row["timezone"], self._zone.key)
            if row[name] is not None and any(_falls(trigger, row[name], day, zone) for day in days):
                found.add(row["profile_id"])
        return sorted(found)

    # ── segments ──

    def _memberships(self, now: datetime) -> int:
        ids = sorted(self._store.profile_ids())
        for some in _together(ids):
            with self._batch(some, now) as batch:
                for profile_id in some:
                    self._beginner.segments(batch, profile_id, f"at:{now.isoformat()}")
                for profile in batch.changed.values():
                    profile.version += 1
        return len(ids)

    # ── the store ──

    def _moved(self, name: str, value: Any) -> Any:
        """``value`` if it is not what was last written under this name, and then written; else None."""
        with self._store.db.write() as connection:
            if self._store.read_meta(connection, name) == value:
                return None
            self._store.write_meta(connection, name, value)
        return value

    @contextmanager
    def _batch(self, ids: Sequence[str], now: datetime) -> Iterator[Batch]:
        """One transaction over these profiles; what has changed of them and their runs is written."""
        try:
            with self._beginner.journal.transaction(), self._store.db.write() as connection:
                standing = self._store.lock(connection, ids)
                batch = self._people.begin(connection, standing, ids, now)
                yield batch
                self._people.save(batch)
        except BaseException:
            self._people.forget(ids)
            raise


def _falls(trigger: Trigger, value: date | datetime, day: date, zone: ZoneInfo) -> bool:
    """Whether the profile's date, moved by ``before``, falls on that day; 29 February on the 28th of a
    year that has none."""
    own = value.astimezone(zone).date() if isinstance(value, datetime) else value
    moved = day
    if trigger.before is not None:
        shifted = trigger.before.shift(datetime.combine(day, time(12), tzinfo=UTC))
        moved = shifted.date() if shifted is not None else day
    if trigger.start.every == "once":
        return own == moved
    try:
        return own.replace(year=moved.year) == moved
    except ValueError:
        return (moved.month, moved.day) == (2, 28)


def _together(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _TOGETHER):
        yield ids[start : start + _TOGETHER]
