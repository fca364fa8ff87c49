"""What makes a run new: begun for its occasion, begun again, moved on, or refused because it was there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from mailwright.model.identity import fingerprint
from triggers.batch import Batch
from triggers.profile import LiveProfile
from triggers.program import Trigger
from triggers.runs import Journal, Run
from triggers.store import Past, Store
from triggers.waits import zone_of

_PLAIN = re.compile(r"[\w.:+@-]{1,80}")


class Occasions:
    """Runs by their occasions: each has at most one."""

    def __init__(
        self, triggers: Mapping[str, Trigger], store: Store, journal: Journal, *, timezone: str
    ) -> None:
        self._store, self._journal, self._timezone = store, journal, timezone
        self._origin: tuple[Mapping[str, Any], bytes] = ({}, b"{}")
        """What was last packed: one event begins several triggers, one after the other."""
        self._remembering = sorted(name for name, t in triggers.items() if not _always_new(t))

    def begin(
        self,
        batch: Batch,
        trigger: Trigger,
        profile_id: str,
        origin: dict[str, Any],
        key: str,
        at: datetime,
    ) -> None:
        """Start a run for this occasion, or move the one that waits on, unless something speaks against it.
        ``key`` makes the occasion where ``once_per`` does not."""
        profile = batch.profiles[profile_id]
        for name in trigger.spec.unless:
            if profile.view.count(name, at, batch.now):
                self.note(batch, trigger, profile_id, "ignored", "unless", detail=name)
                return
        occasion = occasion_of(trigger, profile, origin, key)
        if occasion is None:
            self.note(
                batch, trigger, profile_id, "ignored", "no_occasion", detail=trigger.spec.once_per or ""
            )
            return
        if trigger.spec.again != "each" and trigger.inactivity is None:
            name = trigger.name
            mine = [r for r in batch.runs.get(profile_id, ()) if r.trigger == name and r.state == "waiting"]
            for old in mine:
                if old.version != trigger.version:
                    self.end(batch, trigger, old, "suppressed", "trigger_changed")
            mine = [one for one in mine if one.state == "waiting"]
            if mine:
                self._again(batch, trigger, profile_id, mine, occasion, origin, at)
                return
        due = self.wait_end(trigger, profile, at, place=0)
        run = self._fresh(batch, trigger, profile_id, occasion, origin, due)
        if run is not None:
            batch.runs[profile_id].append(run)
            self.note(batch, trigger, profile_id, "started", run=run, occasion=occasion, due_at=due)

    def _again(
        self,
        batch: Batch,
        trigger: Trigger,
        profile_id: str,
        mine: list[Run],
        occasion: str,
        origin: dict[str, Any],
        at: datetime,
    ) -> None:
        waiting = next((run for run in mine if run.place == 0), None)
        if waiting is None or trigger.spec.again == "keep":
            self.note(batch, trigger, profile_id, "ignored", "under_way", occasion=mine[0].occasion)
            return
        due = self.wait_end(trigger, batch.profiles[profile_id], at, place=0)
        if due < waiting.due_at and waiting.began_at > (origin.get("at") or batch.now):
            self.note(batch, trigger, profile_id, "ignored", "older", occasion=waiting.occasion)
            return
        if occasion != waiting.occasion and self._known(batch, trigger, profile_id, occasion) is not None:
            run = self._fresh(batch, trigger, profile_id, occasion, origin, due)
            if run is not None:
                self.end(batch, trigger, waiting, "cancelled", "restarted")
                batch.runs[profile_id].append(run)
                self.note(batch, trigger, profile_id, "started", run=run, occasion=occasion, due_at=due)
            return
        waiting.occasion, waiting.origin, waiting.due_at = occasion, self._packed(origin), due
        self.note(batch, trigger, profile_id, "restarted", run=waiting, occasion=occasion, due_at=due)

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
            had = [run.started_at for run in here if not run.came_to_nothing]
            past = self._past(batch, trigger, profile_id)
            had += [one.started_at for one in past if not one.came_to_nothing]
            if any(started_at > since for started_at in had):
                self.note(
                    batch, trigger, profile_id, "ignored", "once_per", detail=trigger.spec.once_per or ""
                )
                return None
        known = self._known(batch, trigger, profile_id, occasion)
        if known is None:
            return self.new(trigger, profile_id, occasion, origin, due, batch.now)
        if not known.came_to_nothing:
            self.note(batch, trigger, profile_id, "ignored", "once_per", occasion=occasion)
            return None
        if known in here:
            here_runs = batch.runs[profile_id]
            del here_runs[next(i for i, r in enumerate(here_runs) if r is known)]
        again = self.new(trigger, profile_id, occasion, origin, due, batch.now)
        again.seq, again.rev, again.trace = known.seq, known.rev, known.trace
        return again

    def _known(self, batch: Batch, trigger: Trigger, profile_id: str, occasion: str) -> Run | None:
        """The run that has this occasion, be it over or not."""
        for run in batch.runs.get(profile_id, ()):
            if run.trigger == trigger.name and run.occasion == occasion:
                return run
        if not _always_new(trigger) and any(
            past.occasion == occasion for past in self._past(batch, trigger, profile_id)
        ):
            return self._store.run(batch.connection, trigger.name, profile_id, occasion)
        return None

    def end(self, batch: Batch, trigger: Trigger, run: Run, state: Any, reason: str) -> None:
        """A run is over because of another that begins."""
        run.end(state, reason, batch.now)
        self.note(batch, trigger, run.profile_id, state, reason, run=run, occasion=run.occasion)

    def new(
        self,
        trigger: Trigger,
        profile_id: str,
        occasion: str,
        origin: Mapping[str, Any],
        due: datetime,
        now: datetime,
    ) -> Run:
        """A run at its first place."""
        packed = self._packed(origin)
        run = Run(None, trigger.name, profile_id, occasion, 0, trigger.version, due, now, packed)
        run.changed = True
        return run

    def _packed(self, origin: Mapping[str, Any]) -> bytes:
        if origin is not self._origin[0]:
            known = {key: value for key, value in origin.items() if value is not None}
            self._origin = (origin, orjson.dumps(known, default=str))
        return self._origin[1]

    def _past(self, batch: Batch, trigger: Trigger, profile_id: str) -> list[Past]:
        return batch.past(self._store, profile_id, trigger.name, self._remembering)

    def wait_end(self, trigger: Trigger, profile: LiveProfile, start: datetime, *, place: int) -> datetime:
        """When the wait at ``place`` is over that begins at ``start``."""
        wait = trigger.ops[place].wait
        assert wait is not None
        if wait.until is None and not wait.preferred:
            return wait.length.shift(start) or start
        zone = zone_of(profile.attributes.get("timezone"), self._timezone)
        hour = profile["preferred_hour"] if wait.preferred else None
        return wait.end(start, zone, hour)

    def note(
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
        """Something was decided about a trigger and a profile."""
        self._journal.note(batch.now, trigger.name, profile_id, what, reason, run=run, **more)


def occasion_of(
    trigger: Trigger, profile: Mapping[str, Any], origin: Mapping[str, Any], key: str
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
    return None if value is None else _safe(value.isoformat() if hasattr(value, "isoformat") else str(value))


def _always_new(trigger: Trigger) -> bool:
    """Whether each event is an occasion of its own, which the store cannot have: events are taken once."""
    return trigger.spec.once_per is None and trigger.start.event is not None


def _safe(text: str) -> str:
    """A text as part of an occasion: itself where it is short and plain, else its fingerprint."""
    return text if _PLAIN.fullmatch(text) else fingerprint("occasion", text)
