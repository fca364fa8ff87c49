"""What an event begins and ends: runs started, restarted, passed over or cancelled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from triggers.batch import Batch
from triggers.occasions import Occasions
from triggers.people import People
from triggers.program import Trigger
from triggers.runs import ASLEEP, Journal, What
from triggers.store import Store

SILENT = frozenset({"email_delivered"})
"""Events that are no deed of the profile, and so do not wake it."""
EACH = 20
"""Events of one profile that one commit asks a trigger about one by one. About those beyond it is asked once,
at the end: so one profile with a million events holds up nobody else."""


class Beginner:
    """Applies the triggers to what happens."""

    def __init__(
        self,
        triggers: Mapping[str, Trigger],
        people: People,
        store: Store,
        journal: Journal,
        *,
        timezone: str,
    ) -> None:
        self._people, self.journal = people, journal
        self.occasions = Occasions(triggers, store, journal, timezone=timezone)
        self._triggers = triggers
        by_start: dict[tuple[str, str], list[Trigger]] = defaultdict(list)
        self._ending: dict[str, dict[str, Literal["unless", "goal"]]] = defaultdict(dict)
        """Event → the triggers whose runs it ends, and by which key of the file."""
        for trigger in sorted(triggers.values(), key=lambda t: (-t.spec.priority, t.name)):
            start = trigger.start
            by_start[start.kind, str(getattr(start, start.kind))].append(trigger)
            for name in trigger.spec.unless:
                self._ending[name][trigger.name] = "unless"
            for name in trigger.spec.goal:
                self._ending[name].setdefault(trigger.name, "goal")
        self._by_start = dict(by_start)
        self._sleepers = [t for t in triggers.values() if t.inactivity is not None]
        self._watches_segments = any(kind.startswith("segment") for kind, _ in self._by_start)

    # ── what happens ──

    def event(self, batch: Batch, profile_id: str, rows: list[dict[str, Any]], message_id: str) -> None:
        """The lines of one event of one profile, which are already in its view."""
        name, at = rows[0]["event"], rows[0]["at"]
        self._end_runs(batch, profile_id, name, at)
        for trigger in self._by_start.get(("event", name), ()):
            self._event_trigger(batch, trigger, profile_id, rows, message_id)
        if self._sleepers and name not in SILENT:
            self._fall_asleep(batch, profile_id, rows[0], message_id)
        if self._watches_segments and self._people.may_move(batch.profiles[profile_id], name):
            batch.moved[profile_id] = message_id

    def settle(self, batch: Batch, profile_id: str) -> None:
        """What all that came of a profile in this commit has led to: its segments are looked at once, since
        they are asked as of one moment, and so are triggers that were asked often."""
        for name, some in batch.later.pop(profile_id, {}).items():
            self._begin_later(batch, self._triggers[name], profile_id, some)
        message_id = batch.moved.pop(profile_id, None)
        if message_id is not None:
            self.segments(batch, profile_id, message_id)

    def _begin_later(
        self, batch: Batch, trigger: Trigger, profile_id: str, some: list[tuple[dict[str, Any], str]]
    ) -> None:
        if not self._holds(batch, trigger, profile_id, times=len(some)):
            return
        view = batch.profiles[profile_id].view
        for row, message_id in some:
            # What came after it in this commit would have ended its run.
            if not any(view.count(name, row["at"], batch.now) for name in trigger.spec.goal):
                self.occasions.begin(batch, trigger, profile_id, row, message_id, row["at"])

    def segments(self, batch: Batch, profile_id: str, message_id: str) -> None:
        """Segments entered and left since last looked at."""
        if not self._watches_segments:
            return
        profile = batch.profiles[profile_id]
        before, after = profile.segments, self._people.segments_now(profile, batch.now)
        if before == after:
            return
        profile.segments = after
        batch.changed[profile_id] = profile
        if before is None:
            return
        moved = [("segment_entered", s) for s in sorted(after - before)]
        moved += [("segment_left", s) for s in sorted(before - after)]
        for kind, segment in moved:
            origin = {"event": kind, "segment": segment, "at": batch.now}
            for trigger in self._by_start.get((kind, segment), ()):
                self.begin(batch, trigger, profile_id, origin, f"{kind}:{segment}:{message_id}", batch.now)

    def hand_over(self, batch: Batch, anonymous: str, profile_id: str) -> None:
        """Somebody anonymous turned out to be this profile, whose events theirs are now: their runs end, and
        those that have taken no step yet begin for it, as of when they began."""
        for run in list(batch.runs.get(anonymous, ())):
            trigger = self._triggers.get(run.trigger)
            if run.state != "waiting" or trigger is None:
                continue
            self.occasions.end(batch, trigger, run, "cancelled", "identified")
            origin = {**run.event, "at": run.began_at}
            if trigger.inactivity is not None:
                self._fall_asleep(batch, profile_id, origin, run.occasion.removeprefix("after:"))
            elif run.place == 0:
                self.begin(batch, trigger, profile_id, origin, run.occasion, run.began_at)

    def _event_trigger(
        self, batch: Batch, trigger: Trigger, profile_id: str, rows: list[dict[str, Any]], message_id: str
    ) -> None:
        row = rows[0]
        if trigger.where is not None:
            context = batch.profiles[profile_id].at(batch.now)
            match = next((row for row in rows if trigger.where.holds(row, context)), None)
            if match is None:
                why = self.journal.why(trigger.where, row, context)
                self.occasions.note(batch, trigger, profile_id, "ignored", "where", detail=why)
                return
            row = match
        batch.asked[profile_id, trigger.name] += 1
        if batch.asked[profile_id, trigger.name] > EACH:
            later = batch.later.setdefault(profile_id, {}).setdefault(trigger.name, [])
            later.append((row, message_id))
            return
        self.begin(batch, trigger, profile_id, row, message_id, row["at"])

    def _end_runs(self, batch: Batch, profile_id: str, name: str, at: datetime) -> None:
        ending = self._ending.get(name)
        if not ending:
            return
        for run in batch.runs.get(profile_id, ()):
            reason = ending.get(run.trigger)
            if reason is None or run.state != "waiting" or (run.place == ASLEEP and name not in SILENT):
                continue  # who is asleep looks when it wakes whether there was something since
            if run.began_at <= at:
                cancels = reason == "unless"
                run.end("cancelled" if cancels else "done", reason, batch.now)
                what: What = "cancelled" if cancels else "ended"
                self.journal.note(
                    batch.now, run.trigger, profile_id, what, reason,
                    run=run, occasion=run.occasion, detail=name,
                )  # fmt: skip

    def _fall_asleep(self, batch: Batch, profile_id: str, row: dict[str, Any], message_id: str) -> None:
        runs = batch.runs.get(profile_id, ())
        asleep = [run.trigger for run in runs if run.place == ASLEEP and run.state == "waiting"]
        for trigger in self._sleepers:
            if trigger.name in asleep:
                continue
            assert trigger.inactivity is not None
            due = trigger.inactivity.shift(row["at"]) or row["at"]
            run = self.occasions.new(trigger, profile_id, f"after:{message_id}", row, due, batch.now)
            run.place = ASLEEP
            batch.runs[profile_id].append(run)

    # ── beginning ──

    def begin(
        self,
        batch: Batch,
        trigger: Trigger,
        profile_id: str,
        origin: dict[str, Any],
        key: str,
        at: datetime,
    ) -> None:
        """Start a run for this occasion unless something speaks against it; ``key`` makes the occasion
        where ``once_per`` does not."""
        if self._holds(batch, trigger, profile_id):
            self.occasions.begin(batch, trigger, profile_id, origin, key, at)

    def _holds(self, batch: Batch, trigger: Trigger, profile_id: str, times: int = 1) -> bool:
        """Whether ``when`` holds now; if not, that is noted of so many occasions."""
        profile = batch.profiles[profile_id]
        context = self._people.context(profile, batch.now, segments=bool(trigger.when.segments))
        if trigger.when.holds(profile, context):
            return True
        why = self.journal.why(trigger.when, profile, context)
        for _ in range(times):
            self.occasions.note(batch, trigger, profile_id, "ignored", "when", detail=why)
        return False
