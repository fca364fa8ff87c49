"""What is kept: profiles, events, runs, sends and dead letters, in the outbox's database.

Every function takes the connection of a transaction that somebody else has begun, because what an event
changes is changed in one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from send import Outbox
from send.outbox.database import Database
from triggers.bulk import Bulk
from triggers.runs import SILENCE, Run, came_to_nothing
from triggers.schema import (
    aliases,
    calls,
    dead,
    events,
    meta,
    metadata,
    profiles,
    runs,
    sends,
)
from triggers.stored import instant

EVENT = ("profile_id", "n", "message_id", "event", "at", "received_at", "fields")
"""The columns of a new event."""
SEND = ("message_id", "trigger", "profile_id", "campaign", "occasion", "at")
"""The columns of a mail."""
_IS_WAITING = sa.text("trigger_runs.state = 'waiting'")
"""Written out, for else the indexes of what waits would not be used."""


class Standing(NamedTuple):
    """A profile as the store has it: how often it has changed; JSON of what was told, and of its segments."""

    version: int
    attributes: bytes
    segments: bytes | None


class Event(NamedTuple):
    """An event as the store has it: name, Unix seconds, JSON of its fields."""

    event: str
    at: float
    fields: bytes


class Past(NamedTuple):
    """A run that is over, as far as ``once_per`` asks."""

    occasion: str
    started_at: datetime
    came_to_nothing: bool


class Store:
    """The tables of one database, made when they are not there."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.db: Database = outbox.db
        self.bulk = Bulk(self.db)
        with self.db.write() as connection:
            if self.db.is_postgres:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(727002)"))
            metadata.create_all(connection)

    # ── who and what is known ──

    def known_calls(self, connection: sa.Connection, ids: Sequence[str]) -> set[str]:
        """Those of these message ids that have been taken before."""
        found: set[str] = set()
        for table in (events, calls):
            rows = self.bulk.select(connection, table, ("message_id",), ids, by="message_id")
            found.update(row[0] for row in rows)
        return found

    def persons(self, connection: sa.Connection, anonymous: Sequence[str]) -> dict[str, str]:
        """Anonymous id → the profile that it turned out to be."""
        names = ("anonymous_id", "profile_id")
        return dict(self.bulk.select(connection, aliases, names, anonymous, by="anonymous_id"))

    def lock(self, connection: sa.Connection, profile_ids: Iterable[str]) -> dict[str, Standing]:
        """How these profiles stand, made where they were not there, held until the transaction ends.

        Always in the order of their ids, so that two workers never wait for each other.
        """
        ids = sorted(set(profile_ids))
        found = self.standing(connection, ids, held=self.bulk.held)
        new = [name for name in ids if name not in found]
        if new:
            names = ("profile_id", "version", "attributes")
            rows = [(name, 0, b"{}") for name in new]
            self.bulk.insert(connection, profiles, names, rows, known_too=True)
            found |= self.standing(connection, new, held=self.bulk.held)
        return found

    def standing(
        self, connection: sa.Connection, ids: Iterable[str], *, held: str = ""
    ) -> dict[str, Standing]:
        """How these profiles stand, by id."""
        names = ("profile_id", "version", "attributes", "segments")
        rows = self.bulk.select(
            connection, profiles, names, ids, by="profile_id", also="ORDER BY profile_id" + held
        )
        return {row[0]: Standing(*row[1:]) for row in rows}

    def save_profiles(
        self, connection: sa.Connection, rows: Sequence[tuple[int, bytes, bytes | None, str]]
    ) -> None:
        """Write version, attributes and segments of profiles; their id comes last."""
        self.bulk.update(connection, profiles, ("version", "attributes", "segments", "profile_id"), rows)

    def events_of(
        self, connection: sa.Connection, versions: Mapping[str, int], most: int
    ) -> dict[str, list[Event]]:
        """The newest ``most`` events of each profile; ``versions`` are how often each has changed."""
        found: dict[str, list[Event]] = {name: [] for name in versions}
        names = ("profile_id", "event", "at", "fields")
        few = [name for name, version in versions.items() if version <= most]
        for row in self.bulk.select(connection, events, names, few, by="profile_id", also="ORDER BY n DESC"):
            found[row[0]].append(Event(*row[1:]))
        for name in versions.keys() - set(few):
            newest = "ORDER BY n DESC LIMIT ?"
            rows = self.bulk.select(
                connection, events, names, [name], by="profile_id", also=newest, values=(most,)
            )
            found[name] = [Event(*row[1:]) for row in rows]
        return found

    def add_events(self, connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """New events, their values in the order of ``EVENT``."""
        self.bulk.insert(connection, events, EVENT, rows)

    def add_calls(self, connection: sa.Connection, rows: Sequence[tuple[str, float]]) -> None:
        """Calls that are no events: message id, received at."""
        self.bulk.insert(connection, calls, ("message_id", "received_at"), rows)

    # ── runs ──

    def waiting(self, connection: sa.Connection, profile_ids: Iterable[str]) -> list[Run]:
        """The runs of these profiles that are under way."""
        also = "AND state = 'waiting' ORDER BY seq" + self.bulk.held
        return [
            _run(row)
            for row in self.bulk.select(connection, runs, _READ, profile_ids, by="profile_id", also=also)
        ]

    def run(self, connection: sa.Connection, trigger: str, profile_id: str, occasion: str) -> Run | None:
        """The run of that occasion, over or not."""
        also, values = "AND trigger = ? AND occasion = ?", (trigger, occasion)
        rows = self.bulk.select(
            connection, runs, _READ, [profile_id], by="profile_id", also=also, values=values
        )
        return _run(rows[0]) if rows else None

    def runs_of(self, connection: sa.Connection, profile_id: str, limit: int = 200) -> list[Run]:
        """A profile's runs, newest first."""
        also = "ORDER BY seq DESC LIMIT ?"
        rows = self.bulk.select(
            connection, runs, _READ, [profile_id], by="profile_id", also=also, values=(limit,)
        )
        return [_run(row) for row in rows]

    def past(
        self, connection: sa.Connection, profile_ids: Iterable[str], triggers: Sequence[str]
    ) -> dict[tuple[str, str], list[Past]]:
        """The runs of these triggers that are over for these profiles; by profile and trigger."""
        found: dict[tuple[str, str], list[Past]] = {}
        names = ("profile_id", "trigger", "occasion", "started_at", "state", "mails")
        also = f"AND trigger IN ({', '.join('?' * len(triggers))}) AND state <> 'waiting'"
        for profile_id, trigger, occasion, started_at, state, mails in self.bulk.select(
            connection, runs, names, profile_ids, by="profile_id", also=also, values=tuple(triggers)
        ):
            past = Past(occasion, instant(started_at), came_to_nothing(state, mails))
            found.setdefault((profile_id, trigger), []).append(past)
        return found

    def silences(self, connection: sa.Connection, profile_ids: Iterable[str]) -> set[tuple[str, str, str]]:
        """(trigger, profile, occasion) of each silence of these profiles that a run has begun with."""
        also = f"AND occasion LIKE '{SILENCE}%'"
        names = ("trigger", "profile_id", "occasion")
        return set(self.bulk.select(connection, runs, names, profile_ids, by="profile_id", also=also))

    def save_runs(self, connection: sa.Connection, changed: Iterable[Run]) -> None:
        """Write what has changed of these; new runs get their ``seq``, unless one was there (its occasion was
        taken), and then none does. A changed run is nobody's any more."""
        new: list[Run] = []
        old: list[Run] = []
        for run in changed:
            if run.changed:
                (new if run.seq is None else old).append(run)
                run.changed = False
        for run in old:
            run.rev += 1
        rows = [(*_values(run), run.rev, None, None, run.seq) for run in old]
        self.bulk.update(connection, runs, _CHANGED, rows)
        seqs = self.bulk.next_numbers(connection, runs, "seq", len(new))
        rows = [(*_values(run), 0, seq) for run, seq in zip(new, seqs, strict=True)]
        if self.bulk.insert(connection, runs, _NEW, rows, known_too=True) == len(new):
            for run, seq in zip(new, seqs, strict=True):
                run.seq = seq

    def claim(
        self, connection: sa.Connection, *, now: datetime, owner: str, lease_s: float, limit: int
    ) -> list[Run]:
        """Runs that are due, taken for ``owner`` until the lease (of the machine's clock) is over."""
        wall = time.time()
        due = (
            sa.select(*(runs.c[name] for name in _READ))
            .where(_IS_WAITING, runs.c.due_at <= now.timestamp())
            .where(runs.c.owner.is_(None) | (runs.c.lease_until < wall))
            .order_by(runs.c.due_at, runs.c.seq)
            .limit(limit)
        )
        found = [_run(tuple(row)) for row in connection.execute(self.db.locked(due, runs))]
        names = ("owner", "lease_until", "seq")
        self.bulk.update(connection, runs, names, [(owner, wall + lease_s, run.seq) for run in found])
        return found

    def unchanged(self, connection: sa.Connection, claimed: Sequence[Run], owner: str) -> set[int]:
        """Those of the claimed runs that nothing has happened to since, held until the transaction ends."""
        wanted = sa.select(runs.c.seq, runs.c.rev).where(
            runs.c.seq.in_([run.seq for run in claimed]),
            runs.c.owner == owner,
            _IS_WAITING,
        )
        wanted = wanted.with_for_update() if self.db.is_postgres else wanted
        revs = {run.seq: run.rev for run in claimed}
        return {row.seq for row in connection.execute(wanted) if revs[row.seq] == row.rev}

    def next_due(self) -> datetime | None:
        """When the first sleeping run is due."""
        with self.db.read() as connection:
            wanted = sa.select(sa.func.min(runs.c.due_at)).where(_IS_WAITING)
            found = connection.execute(wanted).scalar()
        return None if found is None else instant(found)

    def count_waiting(self) -> int:
        """How many runs are under way."""
        with self.db.read() as connection:
            counted = sa.select(sa.func.count()).select_from(runs).where(_IS_WAITING)
            return int(connection.execute(counted).scalar_one())

    # ── sends ──

    def sends_of(
        self, connection: sa.Connection, profile_ids: Iterable[str], since: datetime
    ) -> dict[str, list[tuple[str, float]]]:
        """Profile → (trigger, Unix seconds) of each of its mails after ``since``."""
        found: dict[str, list[tuple[str, float]]] = {}
        names, values = ("profile_id", "trigger", "at"), (since.timestamp(),)
        for row in self.bulk.select(
            connection, sends, names, profile_ids, by="profile_id", also="AND at > ?", values=values
        ):
            found.setdefault(row[0], []).append((row[1], row[2]))
        return found

    def add_sends(self, connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """New mails, their values in the order of ``SEND``."""
        self.bulk.insert(connection, sends, SEND, rows, known_too=True)

    # ── dead letters, and the rest ──

    def profile_ids(self) -> list[str]:
        """Everybody of whom something came in here."""
        with self.db.read() as connection:
            return list(connection.execute(sa.select(profiles.c.profile_id)).scalars())

    def bury(self, connection: sa.Connection, letters: Sequence[tuple[str, bytes]], source: str) -> None:
        """Keep calls that could not be taken, with the reason."""
        now = time.time()
        rows = [
            {"received_at": now, "source": source, "reason": reason[:500], "body": body}
            for reason, body in letters
        ]
        if rows:
            connection.execute(sa.insert(dead), rows)

    def dead_letters(self, limit: int = 100, *, after: int = 0) -> list[dict[str, Any]]:
        """The oldest dead letters (after that ``seq``): ``seq``, ``received_at``, ``source``, ``reason``,
        ``body``."""
        wanted = sa.select(dead).where(dead.c.seq > after).order_by(dead.c.seq).limit(limit)
        with self.db.read() as connection:
            rows = connection.execute(wanted).mappings()
            return [{**row, "received_at": instant(row["received_at"])} for row in rows]

    def count_letters(self) -> int:
        """How many dead letters there are."""
        with self.db.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(dead)).scalar_one())

    def forget_letters(self, connection: sa.Connection, seqs: Sequence[int]) -> None:
        connection.execute(sa.delete(dead).where(dead.c.seq.in_(seqs)))

    def last_erasure(self, connection: sa.Connection) -> str | None:
        """A text that is another one after each erasure; None: there was none."""
        row = connection.exec_driver_sql("SELECT value FROM trigger_meta WHERE name = 'erasure'").first()
        return None if row is None else row[0]

    def note_erasure(self, connection: sa.Connection) -> None:
        """Say to every process that somebody was erased."""
        self.write_meta(connection, "erasure", secrets.token_hex(8))

    def read_meta(self, connection: sa.Connection, name: str) -> Any:
        """What was last written under this name; None: nothing."""
        found = connection.execute(sa.select(meta.c.value).where(meta.c.name == name)).scalar()
        return None if found is None else orjson.loads(found)

    def write_meta(self, connection: sa.Connection, name: str, value: Any) -> None:
        self.db.upsert(
            connection, meta, {"name": name, "value": orjson.dumps(value).decode()}, keys=("name",)
        )


_READ = (
    "seq", "trigger", "profile_id", "occasion", "place", "version", "due_at", "started_at", "event", "state",
    "reason", "rev", "mails", "ended_at", "trace",
)  # fmt: skip
"""The columns of a run, in the order of its fields."""
_WRITTEN = (
    "trigger", "profile_id", "occasion", "state", "reason", "place", "version", "due_at", "started_at",
    "ended_at", "mails", "event", "trace",
)  # fmt: skip
_NEW = (*_WRITTEN, "rev", "seq")
_CHANGED = (*_WRITTEN, "rev", "owner", "lease_until", "seq")


def _run(row: tuple[Any, ...]) -> Run:
    run = Run(*row)
    run.due_at, run.started_at = instant(row[6]), instant(row[7])
    run.ended_at = None if row[13] is None else instant(row[13])
    return run


def _values(run: Run) -> tuple[Any, ...]:
    return (
        run.trigger,
        run.profile_id,
        run.occasion,
        run.state,
        run.reason,
        run.place,
        run.version,
        run.due_at.timestamp(),
        run.started_at.timestamp(),
        None if run.ended_at is None else run.ended_at.timestamp(),
        run.mails,
        run.origin,
        run.trace,
    )
