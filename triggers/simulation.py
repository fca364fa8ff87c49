"""Events replayed on a virtual clock: what would have been sent, and why not otherwise."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mailwright.model.workspace import EspSpec
from mailwright.workspace import Workspace
from send import open_adapter, open_outbox
from triggers.live import Triggers, open_triggers
from triggers.runs import Decision, Journal
from triggers.world import World

HORIZON = timedelta(days=60)
"""How long after the last event waits are still seen to their end."""


@dataclass
class Simulation:
    """Everything decided, in order."""

    decisions: list[Decision]
    mails: dict[str, bytes] = field(default_factory=dict)
    """Message id → the mail as MIME."""
    refused: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    events: int = 0
    still_waiting: int = 0

    @property
    def sent(self) -> list[Decision]:
        """The mails that would have gone: to whom, when, which, and by which trigger."""
        return [decision for decision in self.decisions if decision.what == "sent"]

    def as_dict(self) -> dict[str, Any]:
        """For ``mailwright simulate --json``."""
        why_not = Counter(
            f"{d.trigger}: {d.reason}"
            for d in self.decisions
            if d.what in ("ignored", "suppressed", "cancelled")
        )
        return {
            "events": self.events,
            "sent": [decision.as_dict() for decision in self.sent],
            "why_not": dict(why_not.most_common()),
            "decisions": [decision.as_dict() for decision in self.decisions],
            "still_waiting": self.still_waiting,
            "refused": dict(Counter(self.refused)),
            "notes": dict(self.notes),
        }


def simulate(
    workspace: Workspace,
    calls: Iterable[Any],
    *,
    triggers: Collection[str] | None = None,
    until: datetime | None = None,
    world: World | None = None,
) -> Simulation:
    """Replay Segment calls, oldest first, as if each came at its own time; nothing leaves this process.

    ``triggers`` names those that take part (None: all enabled ones); ``until`` is when the clock stops (None:
    when nothing waits any more, at most ``HORIZON`` after the last event); ``world`` what was
    read of the workspace before. Raises UsageError for an unknown trigger.
    """
    ordered = _in_order(calls)
    first = ordered[0][0] if ordered else (workspace.spec.clock or datetime.now(UTC))
    start = max(first, workspace.spec.clock or first)
    clock = _Clock(first)
    journal = Journal(kept=[])
    with tempfile.TemporaryDirectory(prefix="mailwright-simulate-") as folder:
        outbox = open_outbox(f"sqlite:///{folder}/simulation.db", clock=clock.seconds)
        sa.event.listen(outbox.db.engine, "connect", _careless)
        outbox.db.engine.dispose()  # what is connected already is careful
        try:
            adapter = open_adapter(EspSpec(adapter="memory"), {}, root=Path(folder))
            live = open_triggers(
                workspace,
                outbox=outbox,
                adapter=adapter,
                now=start,
                only=triggers,
                journal=journal,
                world=world,
            )
            done = Simulation(journal.kept or [])
            _replay(live, clock, ordered, until, done)
            live.deliver()
            done.decisions = journal.kept or []
            done.mails = dict(getattr(adapter, "sent", {}))
            done.still_waiting = live.store.count_waiting()
        finally:
            outbox.close()
    return done


class _Clock:
    """The virtual clock."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def seconds(self) -> float:
        return self.now.timestamp()


def _replay(
    live: Triggers,
    clock: _Clock,
    ordered: list[tuple[datetime, Any]],
    until: datetime | None,
    done: Simulation,
) -> None:
    live.sweep(clock.now)
    for at, call in ordered:
        if until is not None and at > until:
            break
        _pass_time(live, clock, at)
        taken = live.ingest([call], now=at, source="simulation")
        done.events += taken.accepted
        done.refused += taken.refused
        done.notes += taken.notes
        live.fire_all(at)
    end = until or clock.now + HORIZON
    _pass_time(live, clock, end, calendar=until is not None)


def _pass_time(live: Triggers, clock: _Clock, end: datetime, *, calendar: bool = True) -> None:
    """Whatever is due up to ``end``, each at its own time; without ``calendar`` only what is under way."""
    while True:
        due = live.next_due(clock.now) if calendar else live.store.next_due()
        if due is None or due > end:
            break
        clock.now = max(due, clock.now)
        if calendar:
            live.sweep(clock.now)
        live.fire_all(clock.now)
    clock.now = max(clock.now, end) if calendar else clock.now


def _in_order(calls: Iterable[Any]) -> list[tuple[datetime, Any]]:
    """Calls with their times, oldest first; one without a time comes right after the one before."""
    found: list[tuple[datetime, Any]] = []
    last: datetime | None = None
    for call in calls:
        told = call.get("timestamp") or call.get("originalTimestamp") if isinstance(call, dict) else None
        try:
            at = datetime.fromisoformat(told) if isinstance(told, str) else None
        except ValueError:
            at = None
        if at is not None:
            last = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        found.append((last or datetime(2000, 1, 1, tzinfo=UTC), call))
    return sorted(found, key=lambda pair: pair[0])


def _careless(connection: Any, record: Any) -> None:
    """A simulation that dies is begun again: nothing of it needs to be on disk."""
    del record
    connection.execute("PRAGMA synchronous=OFF")
