"""What an event begins and ends: runs started, restarted, passed over or cancelled."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from mailwright.model.identity import fingerprint
from triggers.people import People
from triggers.profile import LiveProfile
from triggers.program import Trigger
from triggers.runs import ASLEEP, Journal, Run, What
from triggers.store import Past, Store
from triggers.waits import zone_of

SILENT = frozenset({"email_delivered"})
"""Events that are no deed of the profile, and so do not wake it."""
EACH = 20
"""Events of one profile that one commit asks a trigger about one by one. About those beyond it is asked once,
at the end: so one profile with a million events holds up nobody else."""
_PLAIN = re.compile(r"[\w.:+@-]{1,80}")


@dataclass
class Batch:
    """One transaction: what is in memory of it until it is written."""

    connection: sa.Connection
    now: datetime
    profiles: dict[str, LiveProfile]
    runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    """Profile → its runs that are under way, or were when the transaction began."""
    changed: dict[str, LiveProfile] = field(default_factory=dict)
    """The profiles that must be written back."""
    moved: dict[str, str] = field(default_factory=dict)
    """Profile → the last message that may have changed the segments it is in."""
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(profile, trigger) → how many events could have started it."""
    later: dict[str, dict[str, list[tuple[dict[str, Any], str]]]] = field(default_factory=dict)
    """Profile → trigger → those of them, with their messages, that it is asked about at the end."""
    _past: dict[tuple[str, str], list[Past]] | None = None

    def past(self, store: Store, profile_id: str, trigger: str, triggers: Sequence[str]) -> list[Past]:
        """What the store has of a trigger's runs for a profile; read for the whole batch, and all
        ``triggers``, when first asked."""
        if self._past is None:
            self._past = store.past(self.connection, self.profiles, triggers)
        return self._past.get((profile_id, trigger), [])


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
        self._people, self._store, self.journal, self._timezone = people, store, journal, timezone
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
        self._remembering = sorted(name for name, t in triggers.items() if not _always_new(t))
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
                self._begin(batch, trigger, profile_id, row, message_id, row["at"])

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

    def _event_trigger(
        self, batch: Batch, trigger: Trigger, profile_id: str, rows: list[dict[str, Any]], message_id: str
    ) -> None:
        context = batch.profiles[profile_id].at(batch.now)
        row = rows[0]
        if trigger.where is not None:
            match = next((row for row in rows if trigger.where.holds(row, context)), None)
            if match is None:
                why = self.journal.why(trigger.where, row, context)
                self._note(batch, trigger, profile_id, "ignored", "where", detail=why)
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
            if reason is not None and run.state == "waiting" and run.began_at <= at:
                cancels = reason == "unless"
                run.end("cancelled" if cancels else "done", reason, batch.now)
                what: What = "cancelled" if cancels else "ended"
                self.journal.note(
                    batch.now, run.trigger, profile_id, what, reason,
                    run=run, occasion=run.occasion, detail=name,
                )  # fmt: skip

    def _fall_asleep(self, batch: Batch, profile_id: str, row: dict[str, Any], message_id: str) -> None:
        runs = batch.runs.get(profile_id, ())
        asleep = {run.trigger for run in runs if run.place == ASLEEP and run.state == "waiting"}
        for trigger in self._sleepers:
            if trigger.name in asleep:
                continue  # it looks when it wakes whether there was something since
            assert trigger.inactivity is not None
            due = trigger.inactivity.shift(row["at"]) or row["at"]
            run = self._new(trigger, profile_id, f"after:{message_id}", row, due, batch.now)
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
            self._begin(batch, trigger, profile_id, origin, key, at)

    def _holds(self, batch: Batch, trigger: Trigger, profile_id: str, times: int = 1) -> bool:
        """Whether ``when`` holds now; if not, that is noted of so many occasions."""
        profile = batch.profiles[profile_id]
        context = self._people.context(profile, batch.now, segments=bool(trigger.when.segments))
        if trigger.when.holds(profile, context):
            return True
        why = self.journal.why(trigger.when, profile, context)
        for _ in range(times):
            self._note(batch, trigger, profile_id, "ignored", "when", detail=why)
        return False

    def _begin(
        self,
        batch: Batch,
        trigger: Trigger,
        profile_id: str,
        origin: dict[str, Any],
        key: str,
        at: datetime,
    ) -> None:
        """``begin`` where ``when`` holds."""
        profile = batch.profiles[profile_id]
        cancelled = [name for name in trigger.spec.unless if profile.view.count(name, at, batch.now)]
        if cancelled:
            self._note(batch, trigger, profile_id, "ignored", "unless", detail=cancelled[0])
            return
        occasion = self._occasion(trigger, profile, origin, key)
        if occasion is None:
            self._note(
                batch, trigger, profile_id, "ignored", "no_occasion", detail=trigger.spec.once_per or ""
            )
            return
        due = self.wait_end(trigger, profile, at, place=0)
        mine = [
            r for r in batch.runs.get(profile_id, ()) if r.trigger == trigger.name and r.state == "waiting"
        ]
        waiting = next((run for run in mine if run.place == 0), None)
        if trigger.spec.again != "each" and mine and trigger.inactivity is None:
            self._again(batch, trigger, profile_id, mine[0], waiting, occasion, origin, due)
            return
        run = self._fresh(batch, trigger, profile_id, occasion, origin, due)
        if run is not None:
            batch.runs[profile_id].append(run)
            self._note(batch, trigger, profile_id, "started", run=run, occasion=occasion, due_at=due)

    def _again(
        self,
        batch: Batch,
        trigger: Trigger,
        profile_id: str,
        first: Run,
        waiting: Run | None,
        occasion: str,
        origin: dict[str, Any],
        due: datetime,
    ) -> None:
        if waiting is None or trigger.spec.again == "keep":
            self._note(batch, trigger, profile_id, "ignored", "under_way", occasion=first.occasion)
            return
        if due < waiting.due_at and waiting.began_at > (origin.get("at") or batch.now):
            self._note(batch, trigger, profile_id, "ignored", "older", occasion=waiting.occasion)
            return
        if occasion != waiting.occasion and not _always_new(trigger):
            past = self._past(batch, trigger, profile_id)
            if any(run.occasion == occasion for run in past):
                self._note(batch, trigger, profile_id, "ignored", "once_per", occasion=occasion)
                return
        waiting.occasion, waiting.origin, waiting.due_at = occasion, _origin(origin), due
        self._note(batch, trigger, profile_id, "restarted", run=waiting, occasion=occasion, due_at=due)

    def _fresh(
        self,
        batch: Batch,
        trigger: Trigger,
        profile_id: str,
        occasion: str,
        origin: dict[str, Any],
        due: datetime,
    ) -> Run | None:
        """A new run, or this occasion's again where it came to nothing; None: it has had its mail."""
        here = [r for r in batch.runs.get(profile_id, ()) if r.trigger == trigger.name]
        if trigger.once_every is not None:
            since = (-trigger.once_every).shift(batch.now) or batch.now
            past = self._past(batch, trigger, profile_id)
            fresh = any(r.seq is None and not _came_to_nothing(r) for r in here)
            if fresh or any(r.started_at > since.timestamp() and not r.came_to_nothing for r in past):
                self._note(
                    batch, trigger, profile_id, "ignored", "once_per", detail=trigger.spec.once_per or ""
                )
                return None
        known = next((r for r in here if r.occasion == occasion), None)
        if (
            known is None
            and not _always_new(trigger)
            and any(r.occasion == occasion for r in self._past(batch, trigger, profile_id))
        ):
            known = self._store.run(batch.connection, trigger.name, profile_id, occasion)
        if known is None:
            return self._new(trigger, profile_id, occasion, origin, due, batch.now)
        if not _came_to_nothing(known):
            self._note(batch, trigger, profile_id, "ignored", "once_per", occasion=occasion)
            return None
        if known in here:
            here_runs = batch.runs[profile_id]
            del here_runs[next(i for i, r in enumerate(here_runs) if r is known)]
        again = self._new(trigger, profile_id, occasion, origin, due, batch.now)
        again.seq, again.rev, again.trace = known.seq, known.rev, known.trace
        return again

    def _new(
        self,
        trigger: Trigger,
        profile_id: str,
        occasion: str,
        origin: Mapping[str, Any],
        due: datetime,
        now: datetime,
    ) -> Run:
        run = Run(None, trigger.name, profile_id, occasion, 0, trigger.version, due, now, _origin(origin))
        run.changed = True
        return run

    def _past(self, batch: Batch, trigger: Trigger, profile_id: str) -> list[Past]:
        return batch.past(self._store, profile_id, trigger.name, self._remembering)

    def _occasion(
        self, trigger: Trigger, profile: LiveProfile, origin: Mapping[str, Any], key: str
    ) -> str | None:
        """What makes this occasion; None where ``once_per`` names something that is missing."""
        per = trigger.spec.once_per
        if per is None or trigger.once_every is not None:
            return _safe(key)
        if per == "ever":
            return "ever"
        value: Any = origin if per.startswith("event.") else profile
        for part in per.removeprefix("event.").split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return (
            None if value is None else _safe(value.isoformat() if hasattr(value, "isoformat") else str(value))
        )

    def wait_end(self, trigger: Trigger, profile: LiveProfile, start: datetime, *, place: int) -> datetime:
        """When the wait at ``place`` is over that begins at ``start``."""
        wait = trigger.ops[place].wait
        assert wait is not None
        zone = zone_of(profile.attributes.get("timezone"), self._timezone)
        hour = profile["preferred_hour"] if wait.preferred else None
        return wait.end(start, zone, hour)

    def _note(
        self,
        batch: Batch,
        trigger: Trigger,
        profile_id: str,
        what: Any,
        reason: str = "",
        *,
        run: Run | None = None,
        **more: Any,
    ) -> None:
        self.journal.note(batch.now, trigger.name, profile_id, what, reason, run=run, **more)


def _always_new(trigger: Trigger) -> bool:
    """Whether each event is an occasion of its own, which the store cannot have: events are taken once."""
    return trigger.spec.once_per is None and trigger.start.event is not None


def _origin(origin: Mapping[str, Any]) -> bytes:
    return orjson.dumps({key: value for key, value in origin.items() if value is not None}, default=str)


def _came_to_nothing(run: Run) -> bool:
    return run.state in ("cancelled", "suppressed") and run.mails == 0


def _safe(text: str) -> str:
    """A text as part of an occasion: itself where it is short and plain, else its fingerprint."""
    return text if _PLAIN.fullmatch(text) else fingerprint("occasion", text)
