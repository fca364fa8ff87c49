"""Runs that are due: each taken one step further, its mail made and handed to the outbox.

Three strokes: claim under a lease; decide and render, outside of any transaction; then, in one transaction,
see that nothing has happened to the run meanwhile, count the caps, and write outbox row, send and run.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailwright.model.message import SkipReason
from send import Adapter, DeliveryPolicy
from send.prepare import Preparer
from triggers.batch import Batch
from triggers.begin import Beginner
from triggers.caps import Caps
from triggers.decide import Decider
from triggers.going import Going
from triggers.mails import Made, MailMaker, Snapshot
from triggers.people import People
from triggers.profile import LiveProfile
from triggers.program import Op, Trigger
from triggers.runs import ASLEEP, Journal, Run
from triggers.store import Store
from triggers.world import World

MOST = 64
"""Runs taken at once: their mails are made within a fraction of the lease."""


@dataclass
class Due:
    """A claimed run, and the effect that it has come to."""

    run: Run
    effect: Op | None = None
    made: Made | None = None


class Firing:
    """Takes due runs further."""

    def __init__(
        self,
        world: World,
        triggers: Mapping[str, Trigger],
        people: People,
        store: Store,
        beginner: Beginner,
        adapter: Adapter,
        *,
        lock: threading.RLock,
        lease_s: float,
    ) -> None:
        self._world, self._triggers, self._people = world, triggers, people
        self._store, self._beginner, self._adapter = store, beginner, adapter
        self._mails, self._lease_s = MailMaker(world), lease_s
        self._lock = lock
        self._caps = Caps(triggers, store)
        self._decider = Decider(
            triggers, people, beginner.occasions, beginner.journal, timezone=world.workspace.spec.timezone
        )
        self._preparer = Preparer(adapter, DeliveryPolicy())
        self.owner = f"{socket.gethostname()[:20]}-{os.getpid()}-{secrets.token_hex(4)}"

    @property
    def _journal(self) -> Journal:
        return self._beginner.journal

    def fire(self, now: datetime, *, limit: int = MOST) -> int:
        """Take the runs that are due at ``now`` one step further; how many there were."""
        with self._lock:
            due, profiles = self._decide(now, limit)
        if due:
            self._render(due, profiles, now)  # takes long, and so lets events in meanwhile
            with self._lock:
                self._commit(due, now)
        return len(due)

    def _decide(self, now: datetime, limit: int) -> tuple[list[Due], dict[str, Snapshot]]:
        """The claimed runs, each taken on to its next effect, and what mails are made of."""
        with self._store.db.write() as connection:
            claimed = self._store.claim(
                connection, now=now, owner=self.owner, lease_s=self._lease_s, limit=limit
            )
            ids = sorted({run.profile_id for run in claimed})
            profiles = self._people.load(connection, self._store.standing(connection, ids), ids)
            sent = self._caps.before(connection, claimed, now)
            asleep = {run.profile_id for run in claimed if run.place == ASLEEP}
            silences = self._store.silences(connection, asleep)
        due = [Due(run) for run in sorted(claimed, key=self._rank)]
        for one in due:
            one.effect = self._decider.advance(one.run, profiles[one.run.profile_id], now, silences)
            if one.effect is not None and (capped := self._caps.reached(sent, one.run, now)):
                # It would be made for nothing.
                one.made = Made(None, str(SkipReason.CAPPED), capped)
        wanted = {one.run.profile_id for one in due if one.effect is not None}
        return due, {name: Snapshot.of(profiles[name]) for name in sorted(wanted)}

    def _rank(self, run: Run) -> tuple[int, datetime, int]:
        trigger = self._triggers.get(run.trigger)
        return (-trigger.spec.priority if trigger else 0, run.due_at, run.seq or 0)

    # ── rendering ──

    def _render(self, due: Sequence[Due], profiles: Mapping[str, Snapshot], now: datetime) -> None:
        by_campaign: dict[tuple[str, str], list[Due]] = defaultdict(list)
        for one in due:
            if one.effect is not None and one.effect.what == "mail" and one.made is None:
                by_campaign[one.effect.campaign, one.run.trigger].append(one)
        for (campaign, name), some in by_campaign.items():
            trigger = self._triggers[name]
            wanted = [(one.run.profile_id, self._occasion(one.run)) for one in some]
            try:
                made = self._mails.make(campaign, wanted, profiles, now, trigger)
            except Exception:
                # One that breaks the stages must not hold up the others: each on its own.
                made = [self._alone(campaign, one, profiles, now, trigger) for one in wanted]
            for one, mail in zip(some, made, strict=True):
                one.made = mail

    def _alone(
        self,
        campaign: str,
        wanted: tuple[str, str],
        profiles: Mapping[str, Snapshot],
        now: datetime,
        trigger: Trigger,
    ) -> Made:
        try:
            return self._mails.make(campaign, [wanted], profiles, now, trigger)[0]
        except Exception as error:
            return Made(None, str(SkipReason.RENDER_FAILED), f"{type(error).__name__}: {error}"[:500])

    def _occasion(self, run: Run) -> str:
        """The occasion of one mail: the trigger's, and where it is a journey the step's."""
        step = f"/{run.place}" if len(self._triggers[run.trigger].ops) > 3 else ""
        return f"{run.trigger}/{run.occasion}{step}"

    # ── writing ──

    def _commit(self, due: Sequence[Due], now: datetime) -> None:
        ids = sorted({one.run.profile_id for one in due})
        try:
            with self._journal.transaction(), self._store.db.write() as connection:
                # Whoever was erased meanwhile is not made again.
                rows = self._store.standing(connection, ids, held=self._store.bulk.held)
                still = self._store.unchanged(connection, [one.run for one in due], self.owner)
                batch = self._people.begin(connection, rows, sorted(rows), now)
                sent = self._caps.before(connection, [one.run for one in due], now)
                going = Going(self._world, self._store, self._adapter.name, self._journal, sent, now)
                going_on = [one for one in due if one.run.seq in still]
                for one in going_on:
                    batch.replace(one.run)
                for one in going_on:
                    self._effect(batch, going, one)
                going.hand_over(connection, self._preparer)
                self._people.save(batch)
        except BaseException:
            self._people.forget(ids)
            raise

    def _effect(self, batch: Batch, going: Going, due: Due) -> None:
        run, op = due.run, due.effect
        if op is None:
            return
        profile = batch.profiles[run.profile_id]
        if op.what == "set":
            self._people.tell(profile, op.values or {})
            profile.version += 1
            batch.changed[run.profile_id] = profile
            self._journal.step(
                run, "set", batch.now, detail=", ".join(f"{k} = {v}" for k, v in (op.values or {}).items())
            )
            self._next(run, profile, batch.now)
            self._beginner.segments(batch, run.profile_id, f"set:{run.seq}:{run.place}")
            return
        made = due.made
        assert made is not None
        capped = self._caps.reached(going.sent, run, batch.now) if made.message is not None else ""
        if made.message is None:
            if made.reason == SkipReason.HOLDOUT:
                going.record(batch.connection, run, op.campaign, self._occasion(run), made)
            self._skip(run, profile, op.campaign, made.reason, batch.now, detail=made.detail)
        elif capped:
            self._skip(run, profile, op.campaign, str(SkipReason.CAPPED), batch.now, detail=capped)
        else:
            going.add(run, made.message)
            going.record(batch.connection, run, op.campaign, self._occasion(run), made)
            self._next(run, profile, batch.now)

    def _skip(
        self, run: Run, profile: LiveProfile, campaign: str, reason: str, now: datetime, detail: str = ""
    ) -> None:
        """No mail: a journey goes on with its next step, all else is over."""
        self._journal.step(run, "suppressed", now, campaign=campaign, reason=reason, detail=detail)
        if len(self._triggers[run.trigger].ops) > 3:
            self._next(run, profile, now)
        else:
            run.end("suppressed", reason, now)

    def _next(self, run: Run, profile: LiveProfile, now: datetime) -> None:
        trigger = self._triggers[run.trigger]
        run.place += 1
        run.due_at = now
        if trigger.ops[run.place].what == "end":
            run.end("done", "", now)
        elif trigger.ops[run.place].what == "wait":
            profile.at(now)
            run.due_at = self._beginner.occasions.wait_end(trigger, profile, now, place=run.place)
