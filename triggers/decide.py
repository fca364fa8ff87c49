"""What a due run comes to: another wait, its end, or an effect; asked again at the moment itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from send.policy import QuietHours
from triggers.occasions import Occasions
from triggers.people import People
from triggers.profile import LiveProfile
from triggers.program import Op, Trigger
from triggers.runs import ASLEEP, SILENCE, Journal, Run


class Decider:
    """Takes runs along the steps of their triggers."""

    def __init__(
        self,
        triggers: Mapping[str, Trigger],
        people: People,
        occasions: Occasions,
        journal: Journal,
        *,
        timezone: str,
    ) -> None:
        self._triggers, self._people, self._occasions = triggers, people, occasions
        self._journal, self._timezone = journal, timezone

    def advance(
        self,
        run: Run,
        profile: LiveProfile,
        now: datetime,
        silences: Collection[tuple[str, str, str]] = (),
    ) -> Op | None:
        """Take the run on to its next wait or its end; the effect, where one comes before them. ``silences``
        have begun runs already: trigger, profile, occasion."""
        trigger = self._triggers.get(run.trigger)
        asleep = run.place == ASLEEP and trigger is not None and trigger.inactivity is not None
        if trigger is None or (run.version != trigger.version and not asleep):
            self._over(run, "suppressed", "trigger_changed", now)
            return None
        if asleep:
            run.version = trigger.version  # it has taken no step yet
            if not self._woken(run, trigger, profile, now, silences):
                return None
        if trigger.ops[run.place].what == "wait":
            run.place += 1
        while True:
            op = trigger.ops[run.place]
            if op.what == "wait":
                run.due_at = self._occasions.wait_end(trigger, profile, now, place=run.place)
                self._journal.step(run, "waits", now, due_at=run.due_at)
                return None
            if op.what == "branch":
                self._branch(run, op, profile, now)
            elif op.what == "jump":
                run.place = op.otherwise
            elif op.what == "end":
                self._over(run, "done", "", now)
                return None
            else:
                if op.what == "set" or self._may_send(run, trigger, profile, now):
                    return op
                return None

    def _woken(
        self,
        run: Run,
        trigger: Trigger,
        profile: LiveProfile,
        now: datetime,
        silences: Collection[tuple[str, str, str]],
    ) -> bool:
        """Whether the profile has been silent for long enough, and the wait after that is over."""
        assert trigger.inactivity is not None
        seen = last_seen(profile) or run.started_at
        until = trigger.inactivity.shift(seen) or now
        if until > now:
            run.due_at, run.changed = until, True
            return False
        occasion = f"{SILENCE}{seen.isoformat()}"
        if (run.trigger, run.profile_id, occasion) in silences:
            # It fell asleep with an event that came in late: the silence had begun before.
            self._over(run, "suppressed", "once_per", now, detail=occasion)
            return False
        run.occasion, run.place, run.changed = occasion, 0, True
        ends = self._occasions.wait_end(trigger, profile, until, place=0)
        context = self._people.context(profile, now, segments=bool(trigger.when.segments))
        if not trigger.when.holds(profile, context):
            why = self._journal.why(trigger.when, profile, context)
            self._over(run, "suppressed", "when", now, detail=why)
            return False
        self._journal.step(run, "started", now, due_at=ends)
        if ends > now:
            run.due_at = ends
            return False
        return True

    def _branch(self, run: Run, op: Op, profile: LiveProfile, now: datetime) -> None:
        assert op.rule is not None
        context = self._people.context(profile, now, segments=bool(op.rule.segments))
        holds = bool(op.rule.holds(profile, context))
        why = self._journal.why(op.rule, profile, context)
        self._journal.step(run, "branched", now, reason="then" if holds else "else", detail=why)
        run.place = run.place + 1 if holds else op.otherwise

    def _may_send(self, run: Run, trigger: Trigger, profile: LiveProfile, now: datetime) -> bool:
        """What speaks against a mail before it is made; caps are counted when it is written."""
        spec = trigger.spec
        latest = None if trigger.skip_after is None else trigger.skip_after.shift(run.due_at)
        if latest is not None and now > latest:
            self._over(run, "suppressed", "missed", now, detail=f"due at {run.due_at.isoformat()}")
            return False
        context = self._people.context(profile, now, segments=bool(trigger.when.segments))
        if not trigger.when.holds(profile, context):
            why = self._journal.why(trigger.when, profile, context)
            self._over(run, "suppressed", "when", now, detail=why)
            return False
        if spec.quiet_hours is not None:
            quiet = QuietHours(spec.quiet_hours.start, spec.quiet_hours.end, self._timezone)
            until = quiet.until(now, profile.attributes.get("timezone") or "")
            if until is not None:
                run.due_at = until
                self._journal.step(run, "waits", now, reason="quiet_hours", due_at=until)
                return False
        return True

    def _over(self, run: Run, state: Any, reason: str, now: datetime, detail: str = "") -> None:
        run.end(state, reason, now)
        self._journal.step(
            run, "suppressed" if state == "suppressed" else "ended", now, reason=reason, detail=detail
        )


def last_seen(profile: LiveProfile) -> datetime | None:
    """When the profile last did something itself: what a mail reports of its own delivery is no deed."""
    for row in reversed(profile.rows):
        if row["event"] != "email_delivered":
            moment: datetime = row["at"]
            return moment
    return None
