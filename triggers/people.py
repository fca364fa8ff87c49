"""The live profiles: loaded from files and store, kept while they are busy, written back when they change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from audience.address import ADDRESS_ATTRIBUTES, check_address
from mailwright.model.schema import PROFILE_ATTRIBUTES
from rules import RuleContext
from segments import segments_of
from segments.compile import needed
from triggers.batch import Batch
from triggers.calls import CallReader
from triggers.features import moved_by
from triggers.profile import MOST_EVENTS, LiveProfile
from triggers.program import Trigger
from triggers.runs import Run
from triggers.store import Event, Standing, Store
from triggers.stored import instant, pack, unpack
from triggers.waits import zone_of
from triggers.world import World


class People:
    """The live profiles of one process. ``store.lock`` keeps two processes from changing one at a time, and
    the version in the store says when another process has."""

    def __init__(
        self,
        world: World,
        store: Store,
        triggers: Mapping[str, Trigger],
        fields: CallReader,
        *,
        most: int = 50_000,
    ) -> None:
        self.world, self._store, self._most = world, store, most
        self._fields = fields.fields
        self._defaults = {name: field.default for name, field in self._fields.items()}
        self._attributes = PROFILE_ATTRIBUTES | world.workspace.spec.profile | ADDRESS_ATTRIBUTES
        self._kept: OrderedDict[str, LiveProfile] = OrderedDict()
        self._erasure: str | None = None
        """The last one that is known of here."""
        self.segments = _asked(triggers, world)
        """The segments that triggers ask about and those that these need, in order of computation."""
        self._segment_rules = {name: world.segment_rules[name] for name in self.segments}
        self._read = {name for rule in self._segment_rules.values() for name in rule.attributes}
        self._events_read = {name for rule in self._segment_rules.values() for name in rule.events}

    # ── loading ──

    def load(
        self, connection: sa.Connection, standing: Mapping[str, Standing], ids: Sequence[str]
    ) -> dict[str, LiveProfile]:
        """These profiles as they stand; ``standing`` is theirs in the store, where they have one."""
        if (erasure := self._store.last_erasure(connection)) != self._erasure:
            # Whoever was erased may be back with a version that they had before.
            self._erasure = erasure
            self.forget_all()
        found: dict[str, LiveProfile] = {}
        stale = []
        for name in ids:
            kept, stands = self._kept.get(name), standing.get(name)
            if kept is not None and kept.version == (0 if stands is None else stands.version):
                found[name] = kept
                self._kept.move_to_end(name)
            else:
                stale.append(name)
        for name, profile in self._make(connection, standing, stale):
            found[name] = self._kept[name] = profile
            self._kept.move_to_end(name)
        while len(self._kept) > max(self._most, len(found)):
            self._kept.popitem(last=False)
        return found

    def _make(
        self, connection: sa.Connection, standing: Mapping[str, Standing], names: Sequence[str]
    ) -> Iterator[tuple[str, LiveProfile]]:
        """These profiles out of files and store, read together."""
        if not names:
            return
        versions = {name: standing[name].version for name in names if name in standing}
        versions = {name: version for name, version in versions.items() if version}
        stored = self._store.events_of(connection, versions, MOST_EVENTS)
        attributes, before = self.world.profiles(names), self.world.events.rows_of(names)
        for name, known in zip(names, attributes, strict=True):
            stands = standing.get(name)
            told = {} if stands is None else unpack(stands.attributes, self._attributes)
            profile = LiveProfile(
                {**known, **told},
                self._events(before[name], stored.get(name, ())),
                category=self.world.categories.get,
                cuts=self.world.audience.cuts,
                learned=self.world.source.learned,
                version=0 if stands is None else stands.version,
            )
            if told and stands is not None:
                profile.told, profile.packed = told, stands.attributes
            if stands is not None and stands.segments is not None:
                profile.segments = frozenset(orjson.loads(stands.segments))
            yield name, profile

    def _events(self, base: list[dict[str, Any]], stored: Sequence[Event]) -> list[dict[str, Any]]:
        """Those of the files and those that came in here, each once: files that are exported again from the
        same source hold what has come in here before."""
        if not stored:
            return base
        live = [self.event_row(e.event, instant(e.at), unpack(e.fields, self._fields)) for e in stored]
        if not base:
            return live
        there = {(row["event"], row["at"], row.get("item_id")) for row in base}
        return base + [row for row in live if (row["event"], row["at"], row.get("item_id")) not in there]

    def begin(
        self,
        connection: sa.Connection,
        standing: Mapping[str, Standing],
        ids: Sequence[str],
        now: datetime,
    ) -> Batch:
        """What happens to these profiles, which the transaction holds, with their runs that are under way."""
        batch = Batch(connection, now, self.load(connection, standing, ids))
        unread: dict[str, list[Run]] = {n: [] for n, p in batch.profiles.items() if p.runs is None}
        for run in self._store.waiting(connection, unread):
            unread[run.profile_id].append(run)
        for name, runs in unread.items():
            batch.profiles[name].runs = runs
        batch.runs |= {name: list(profile.runs or ()) for name, profile in batch.profiles.items()}
        return batch

    def event_row(self, event: str, at: datetime, fields: Mapping[str, Any]) -> dict[str, Any]:
        """An event as rules and features read it: every field, defaults in place of what is missing."""
        return {**self._defaults, **fields, "event": event, "at": at}

    def forget_all(self) -> None:
        """The files were read anew, or somebody was erased: everybody is made again when next needed."""
        self._kept.clear()

    def forget(self, ids: Sequence[str]) -> None:
        """A transaction was rolled back: what is in memory of these profiles is wrong."""
        for name in ids:
            self._kept.pop(name, None)

    # ── changing ──

    def tell(self, profile: LiveProfile, values: Mapping[str, Any]) -> None:
        """Attributes that an identify call or a journey says, an address checked as everywhere."""
        told = dict(values)
        if told.get("timezone") and zone_of(told["timezone"], "").key != told["timezone"]:
            del told["timezone"]
        if "email" in told:
            problem, key = check_address(told["email"])
            email = None if problem else str(told["email"]).strip()
            told |= {"email": email, "email_problem": problem, "email_key": key}
        profile.tell(told)
        profile.told |= told
        profile.packed = pack(profile.told)

    def save(self, batch: Batch) -> None:
        """Write the runs that have changed, and the profiles that have or whose runs have: the version of
        every one of them grows, for others keep them in memory too."""
        for name, runs in batch.runs.items():
            if name not in batch.changed and any(run.changed for run in runs):
                profile = batch.changed[name] = batch.profiles[name]
                profile.version += 1
        self._store.save_runs(batch.connection, [run for name in batch.changed for run in batch.runs[name]])
        for name, profile in batch.changed.items():
            waiting = [run for run in batch.runs[name] if run.state == "waiting"]
            waiting.sort(key=lambda run: run.seq or 0)  # as the store has them, so that all decide alike
            profile.runs = None if any(run.seq is None for run in waiting) else waiting
        self._store.save_profiles(
            batch.connection,
            [
                (
                    profile.version,
                    profile.packed,
                    None if profile.segments is None else pack(sorted(profile.segments)),
                    name,
                )
                for name, profile in sorted(batch.changed.items())
            ],
        )

    # ── asking ──

    def context(self, profile: LiveProfile, now: datetime, *, segments: bool) -> RuleContext:
        """What rules are asked with; the segments are worked out only where something reads them."""
        context = profile.at(now)
        if not segments or not self.segments:
            return context
        return profile.at(now, self.segments_now(profile, now))

    def may_move(self, profile: LiveProfile, event: str) -> bool:
        """Whether an event of this name can have changed what ``segments_now`` says at the same moment."""
        return (
            len(profile.rows) == 1 or event in self._events_read or not self._read.isdisjoint(moved_by(event))
        )

    def segments_now(self, profile: LiveProfile, now: datetime) -> frozenset[str]:
        """Of the segments that triggers ask about, those that the profile is in."""
        return segments_of(
            self.world.workspace.segments,
            self._segment_rules,
            profile,
            profile.at(now),
            fallen_back=self.world.segmentation.fallen_back,
        )


def _asked(triggers: Mapping[str, Trigger], world: World) -> list[str]:
    wanted: set[str] = set()
    for trigger in triggers.values():
        wanted |= trigger.when.segments
        wanted |= {name for op in trigger.ops if op.rule is not None for name in op.rule.segments}
        wanted |= {trigger.start.segment_entered, trigger.start.segment_left} - {None}  # type: ignore[arg-type]
    specs, rules = world.workspace.segments, world.segment_rules
    waiting = sorted(wanted)
    while waiting:
        more = needed(waiting.pop(), specs, rules) - wanted
        wanted |= more
        waiting += sorted(more)
    return [name for name in rules if name in wanted]
