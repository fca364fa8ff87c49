"""The triggers of one workspace, running: events in, due runs on, mails into the outbox."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson

from mailwright.errors import UsageError, did_you_mean
from mailwright.workspace import Workspace
from send import Adapter, DeliveryPolicy, DeliveryReport, Outbox, deliver
from triggers.begin import Beginner
from triggers.calls import CallReader, Reading
from triggers.fire import Firing
from triggers.ingest import REPLAY, Ingested, Ingestion, read_lines
from triggers.lacking import Standing, lacks
from triggers.mails import MailMaker, Snapshot
from triggers.people import People
from triggers.person import erase_person
from triggers.profile import LiveProfile
from triggers.program import Trigger, compile_triggers
from triggers.runs import Journal, Run
from triggers.store import Store
from triggers.sweep import Sweep
from triggers.world import World, read_world

_TOGETHER = 1_000
LEASE_S = 60.0
"""How long a worker may take for the runs that it has claimed before another takes them over."""


class Triggers:
    """What server, command line and tests use. Every method takes ``now``; none reads a clock."""

    def __init__(
        self,
        world: World,
        triggers: dict[str, Trigger],
        *,
        outbox: Outbox,
        adapter: Adapter,
        journal: Journal | None = None,
        lease_s: float = LEASE_S,
    ) -> None:
        self.world, self.triggers, self.adapter = world, triggers, adapter
        self.journal = journal or Journal()
        self.store = Store(outbox)
        spec = world.workspace.spec
        self._reader = CallReader(spec)
        self.people = People(world, self.store, triggers, self._reader)
        self.beginner = Beginner(triggers, self.people, self.store, self.journal, timezone=spec.timezone)
        self._ingestion = Ingestion(self.people, self.store, self.beginner)
        self._firing = Firing(
            world,
            triggers,
            self.people,
            self.store,
            self.beginner,
            adapter,
            lock=self._ingestion.lock,
            lease_s=lease_s,
        )
        self._sweep = Sweep(world, triggers, self.people, self.store, self.beginner)

    def ingest(self, calls: Iterable[Any], *, now: datetime, source: str = "http") -> Ingested:
        """Take Segment calls (objects out of JSON); when it returns they are stored, and so is what follows.

        A call whose ``messageId`` was taken before changes nothing. Calls that cannot be taken are dead
        letters. SendError: the store cannot be reached, and nothing was changed.
        """
        return self.take([self.read(calls, now=now, source=source)], now=now)[0]

    def read(self, calls: Iterable[Any], *, now: datetime, source: str) -> Reading:
        """The first half of ``ingest``, which needs no store: one thread may read while another takes."""
        return self._reader.read(calls, now=now, source=source)

    def take(self, readings: Sequence[Reading], *, now: datetime) -> list[Ingested]:
        """The other half, of some readings in one transaction; what became of each."""
        return self._ingestion.take(readings, now=now)

    def fire(self, now: datetime) -> int:
        """Take some of the runs that are due one step further, and hand their mails to the outbox; how many
        there were. 0: nothing is due now."""
        return self._firing.fire(now)

    def fire_all(self, now: datetime) -> int:
        """``fire`` until nothing is due; how many steps that took."""
        steps = 0
        while found := self.fire(now):
            steps += found
        return steps

    def sweep(self, now: datetime) -> int:
        """Begin what the calendar begins: schedules, dates, segments that time alone changes."""
        with self._ingestion.lock:
            return self._sweep.sweep(now)

    def renew(self, world: World) -> None:
        """Go on with the files as they were read into ``world``; not while ``fire`` is under way."""
        with self._ingestion.lock:
            self.world.become(world)
            self.people.forget_all()

    def next_sweep(self, now: datetime) -> datetime:
        """When the calendar is to be looked at again."""
        return self._sweep.next_due(now) or datetime.max.replace(tzinfo=now.tzinfo)

    def next_due(self, now: datetime) -> datetime | None:
        """When there is next something to do without an event; None: never."""
        found = [
            moment for moment in (self.store.next_due(), self._sweep.next_due(now)) if moment is not None
        ]
        return min(found, default=None)

    def deliver(self, policy: DeliveryPolicy | None = None) -> DeliveryReport:
        """Send what lies in the outbox."""
        return deliver([], adapter=self.adapter, outbox=self.store.outbox, policy=policy or DeliveryPolicy())

    def explain(self, profile_id: str, *, now: datetime) -> dict[str, Any]:
        """What every trigger would say of this profile now, and what it has said: for
        ``mailwright trigger explain``. Raises UsageError for a profile of which nothing is known."""
        with self._ingestion.lock, self.store.db.read() as connection:
            rows = self.store.standing(connection, [profile_id])
            if profile_id not in self.world.rows and profile_id not in rows:
                fix = did_you_mean(profile_id, list(self.world.rows)[:20_000])
                raise UsageError(f"there is no profile {profile_id!r}", fix=fix)
            profile = self.people.load(connection, rows, [profile_id])[profile_id]
            runs = self.store.runs_of(connection, profile_id)
            mails = self.store.sends_of(connection, [profile_id], datetime.fromtimestamp(0, UTC))
            said = {}
            for name, trigger in self.triggers.items():
                context = self.people.context(profile, now, segments=bool(trigger.when.segments))
                mine = [run for run in runs if run.trigger == name]
                refused = self._refused(trigger, profile_id, profile, now)
                one = Standing(profile, mine, mails.get(profile_id, ()), context, refused)
                said[name] = {
                    "on": str(trigger.start),
                    "when": asdict(trigger.when.explain(profile, context)),
                    "lacking": [asdict(lack) for lack in lacks(trigger, one, self.people)],
                    "runs": [_told(run) for run in mine],
                }
        return {"profile_id": profile_id, "now": now.isoformat(), "triggers": said}

    def _refused(
        self, trigger: Trigger, profile_id: str, profile: LiveProfile, now: datetime
    ) -> dict[str, str]:
        """Campaign → why it would not be sent to the profile now."""
        maker, known = MailMaker(self.world), {profile_id: Snapshot.of(profile)}
        found = {name: maker.refusals(name, known, now, trigger)[0] for name in trigger.spec.campaigns}
        return {name: reason for name, reason in found.items() if reason}

    def erase(self, profile_id: str) -> int:
        """Forget a profile: its events, attributes, runs and sends here; how many rows. The outbox and the
        files erase their own."""
        with self._ingestion.lock, self.store.db.write() as connection:
            gone = erase_person(self.store, connection, [profile_id])
            self.people.forget([profile_id])
        return gone

    def replay_dead_letters(self, *, now: datetime, limit: int | None = None) -> Ingested:
        """Take the dead letters once more (the oldest ``limit``), after the schema was mended, say; those
        that still cannot be taken stay as they are."""
        all_done, seen, left = Ingested(), 0, limit
        while letters := self.store.dead_letters(
            _TOGETHER if left is None else min(left, _TOGETHER), after=seen
        ):
            done = self.ingest(list(read_lines(one["body"] for one in letters)), now=now, source=REPLAY)
            outcomes = zip(letters, done.outcomes, strict=True)
            taken = [letter["seq"] for letter, outcome in outcomes if outcome in ("", "duplicate")]
            with self.store.db.write() as connection:
                self.store.forget_letters(connection, taken)
            all_done.add(done)
            seen, left = letters[-1]["seq"], None if left is None else left - len(letters)
        return all_done


def _told(run: Run) -> dict[str, Any]:
    """A run as ``explain`` tells it."""
    return {
        "occasion": run.occasion,
        "state": run.state,
        "reason": run.reason,
        "due_at": run.due_at.isoformat() if run.state == "waiting" else None,
        "began_with": run.event,
        "trace": orjson.loads(run.trace),
    }


def open_triggers(
    workspace: Workspace,
    *,
    outbox: Outbox,
    adapter: Adapter,
    now: datetime,
    secret: bytes | None = None,
    only: Collection[str] | None = None,
    journal: Journal | None = None,
    world: World | None = None,
    lease_s: float = LEASE_S,
) -> Triggers:
    """The workspace's triggers (those named by ``only``), with its audience and model read (unless ``world``
    is what was read of it before) and all campaigns compiled, so that every mistake in a file is found now.
    Raises what these stages raise; UsageError for a trigger that there is not."""
    triggers = compile_triggers(workspace)
    if only is not None:
        for name in only:
            if name not in triggers:
                fix = did_you_mean(name, triggers) or "add a file to triggers/"
                raise UsageError(f"there is no enabled trigger {name!r}", fix=fix)
        triggers = {name: triggers[name] for name in triggers if name in only}
    world = world or read_world(workspace, now=now, secret=secret)
    for trigger in triggers.values():
        for campaign in trigger.spec.campaigns:
            world.campaign(campaign, now)
    return Triggers(world, triggers, outbox=outbox, adapter=adapter, journal=journal, lease_s=lease_s)
