"""What is kept: profiles, events, runs, sends and dead letters, in the outbox's database.

Every function takes the connection of a transaction that somebody else has begun, because what an event
changes is changed in one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from send import Outbox
from send.outbox.database import Database
from triggers.runs import Run
from triggers.schema import aliases, calls, dead, events, meta, metadata, profiles, runs, sends
from triggers.stored import instant

_CHUNK = 900
"""Parameters of one IN list: SQLite of old allows 999."""


class Past(NamedTuple):
    """A run, as far as ``once_per`` asks."""

    trigger: str
    occasion: str
    state: str
    mails: int
    started_at: float

    @property
    def came_to_nothing(self) -> bool:
        """No mail, and none to come: its occasion is still free."""
        return self.state in ("cancelled", "suppressed") and self.mails == 0


class Store:
    """The tables of one database, made when they are not there."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.db: Database = outbox.db
        with self.db.write() as connection:
            if self.db.is_postgres:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(727002)"))
            metadata.create_all(connection)

    # ── who and what is known ──

    def known_calls(self, connection: sa.Connection, ids: Sequence[str]) -> set[str]:
        """Those of these message ids that have been taken before."""
        found: set[str] = set()
        for some in _chunks(ids):
            for table in (events, calls):
                column = table.c.message_id
                found.update(connection.execute(sa.select(column).where(column.in_(some))).scalars())
        return found

    def persons(self, connection: sa.Connection, anonymous: Sequence[str]) -> dict[str, str]:
        """Anonymous id → the profile that it turned out to be."""
        found: dict[str, str] = {}
        for some in _chunks(anonymous):
            rows = connection.execute(sa.select(aliases).where(aliases.c.anonymous_id.in_(some)))
            found.update({row.anonymous_id: row.profile_id for row in rows})
        return found

    def lock(self, connection: sa.Connection, profile_ids: Iterable[str]) -> dict[str, sa.Row[Any]]:
        """The rows of these profiles, made where there are none, held until the transaction ends.

        Always in the order of their ids, so that two workers never wait for each other.
        """
        ids = sorted(set(profile_ids))
        found = self._locked(connection, ids)
        new = [name for name in ids if name not in found]
        if new:
            rows = [{"profile_id": name, "version": 0, "attributes": b"{}"} for name in new]
            self.db.insert_new(connection, profiles, rows)
            found |= self._locked(connection, new)
        return found

    def _locked(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, sa.Row[Any]]:
        found: dict[str, sa.Row[Any]] = {}
        for some in _chunks(ids):
            wanted = (
                sa.select(profiles).where(profiles.c.profile_id.in_(some)).order_by(profiles.c.profile_id)
            )
            wanted = wanted.with_for_update() if self.db.is_postgres else wanted
            found.update({row.profile_id: row for row in connection.execute(wanted)})
        return found

    def standing(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, sa.Row[Any]]:
        """The rows of these profiles, not held."""
        found: dict[str, sa.Row[Any]] = {}
        for some in _chunks(sorted(set(ids))):
            wanted = sa.select(profiles).where(profiles.c.profile_id.in_(some))
            found.update({row.profile_id: row for row in connection.execute(wanted)})
        return found

    def events_of(
        self, connection: sa.Connection, profile_ids: Sequence[str], most: int
    ) -> dict[str, list[sa.Row[Any]]]:
        """The newest ``most`` events of each profile."""
        found: dict[str, list[sa.Row[Any]]] = {}
        for name in profile_ids:
            newest = events.c.n.desc()
            wanted = sa.select(events).where(events.c.profile_id == name).order_by(newest).limit(most)
            found[name] = list(connection.execute(wanted))
        return found

    # ── runs ──

    def waiting(self, connection: sa.Connection, profile_ids: Sequence[str]) -> list[Run]:
        """The runs of these profiles that are under way."""
        found: list[Run] = []
        for some in _chunks(sorted(set(profile_ids))):
            wanted = sa.select(runs).where(runs.c.profile_id.in_(some), runs.c.state == "waiting")
            wanted = wanted.with_for_update() if self.db.is_postgres else wanted
            found += [_run(row) for row in connection.execute(wanted.order_by(runs.c.seq))]
        return found

    def run(self, connection: sa.Connection, trigger: str, profile_id: str, occasion: str) -> Run | None:
        """The run of that occasion, over or not."""
        wanted = sa.select(runs).where(
            runs.c.trigger == trigger, runs.c.profile_id == profile_id, runs.c.occasion == occasion
        )
        row = connection.execute(wanted).one_or_none()
        return None if row is None else _run(row)

    def runs_of(self, connection: sa.Connection, profile_id: str, limit: int = 200) -> list[Run]:
        """A profile's runs, newest first."""
        wanted = sa.select(runs).where(runs.c.profile_id == profile_id)
        return [_run(row) for row in connection.execute(wanted.order_by(runs.c.seq.desc()).limit(limit))]

    def past(self, connection: sa.Connection, profile_ids: Sequence[str]) -> dict[str, list[Past]]:
        """What runs these profiles have had, over or not."""
        found: dict[str, list[Past]] = {}
        c = runs.c
        for some in _chunks(sorted(set(profile_ids))):
            wanted = sa.select(c.profile_id, c.trigger, c.occasion, c.state, c.mails, c.started_at)
            for row in connection.execute(wanted.where(c.profile_id.in_(some))):
                found.setdefault(row.profile_id, []).append(Past(*row[1:]))
        return found

    def save_runs(self, connection: sa.Connection, changed: Iterable[Run]) -> None:
        """Writes what has changed; new runs are inserted. A changed run is nobody's any more."""
        rows = [run for run in changed if run.changed]
        new = [_values(run) | {"rev": 0} for run in rows if run.seq is None]
        self.db.insert_new(connection, runs, new)
        old = [{"b_seq": run.seq, **_values(run)} for run in rows if run.seq is not None]
        if old:
            statement = (
                sa.update(runs)
                .where(runs.c.seq == sa.bindparam("b_seq"))
                .values(
                    {name: sa.bindparam(name) for name in _values(rows[0])}
                    | {"rev": runs.c.rev + 1, "owner": None, "lease_until": None}
                )
            )
            connection.execute(statement, old)

    def claim(
        self, connection: sa.Connection, *, now: datetime, owner: str, lease_s: float, limit: int
    ) -> list[Run]:
        """Runs that are due, taken for ``owner`` until the lease (of the machine's clock) is over."""
        wall = time.time()
        due = (
            sa.select(runs)
            .where(runs.c.state == "waiting", runs.c.due_at <= now.timestamp())
            .where(runs.c.owner.is_(None) | (runs.c.lease_until < wall))
            .order_by(runs.c.due_at, runs.c.seq)
            .limit(limit)
        )
        rows = list(connection.execute(self.db.locked(due, runs)))
        found = [_run(row) for row in rows]
        if found:
            connection.execute(
                sa.update(runs)
                .where(runs.c.seq.in_([run.seq for run in found]))
                .values(owner=owner, lease_until=wall + lease_s)
            )
        return found

    def unchanged(self, connection: sa.Connection, claimed: Sequence[Run], owner: str) -> set[int]:
        """Those of the claimed runs that nothing has happened to since, held until the transaction ends."""
        wanted = sa.select(runs.c.seq, runs.c.rev).where(
            runs.c.seq.in_([run.seq for run in claimed]),
            runs.c.owner == owner,
            runs.c.state == "waiting",
        )
        wanted = wanted.with_for_update() if self.db.is_postgres else wanted
        revs = {run.seq: run.rev for run in claimed}
        return {row.seq for row in connection.execute(wanted) if revs[row.seq] == row.rev}

    def next_due(self) -> datetime | None:
        """When the first sleeping run is due."""
        with self.db.read() as connection:
            wanted = sa.select(sa.func.min(runs.c.due_at)).where(runs.c.state == "waiting")
            found = connection.execute(wanted).scalar()
        return None if found is None else instant(found)

    def count_waiting(self) -> int:
        """How many runs are under way."""
        with self.db.read() as connection:
            counted = sa.select(sa.func.count()).where(runs.c.state == "waiting")
            return int(connection.execute(counted).scalar_one())

    # ── sends ──

    def sent_since(
        self, connection: sa.Connection, profile_id: str, since: datetime, trigger: str | None
    ) -> int:
        """Mails of one trigger, or of all, to this profile after ``since``."""
        wanted = sa.select(sa.func.count()).where(
            sends.c.profile_id == profile_id, sends.c.at > since.timestamp()
        )
        wanted = wanted if trigger is None else wanted.where(sends.c.trigger == trigger)
        return int(connection.execute(wanted).scalar_one())

    def erase(self, connection: sa.Connection, profile_id: str) -> int:
        """Remove all that is kept of a profile, and of whom it was while anonymous; how many rows."""
        gone = 0
        for table in (events, runs, sends, aliases, profiles):
            found = connection.execute(sa.delete(table).where(table.c.profile_id == profile_id))
            gone += found.rowcount
        return gone

    # ── dead letters, and the rest ──

    def bury(self, connection: sa.Connection, letters: Sequence[tuple[str, bytes]], source: str) -> None:
        """Keep calls that could not be taken, with the reason."""
        now = time.time()
        rows = [
            {"received_at": now, "source": source, "reason": reason[:500], "body": body[:100_000]}
            for reason, body in letters
        ]
        if rows:
            connection.execute(sa.insert(dead), rows)

    def dead_letters(self, limit: int = 100) -> list[dict[str, Any]]:
        """The oldest dead letters: ``seq``, ``received_at``, ``source``, ``reason``, ``body``."""
        with self.db.read() as connection:
            rows = connection.execute(sa.select(dead).order_by(dead.c.seq).limit(limit)).mappings()
            return [{**row, "received_at": instant(row["received_at"])} for row in rows]

    def forget_letters(self, connection: sa.Connection, seqs: Sequence[int]) -> None:
        connection.execute(sa.delete(dead).where(dead.c.seq.in_(seqs)))

    def read_meta(self, connection: sa.Connection, name: str) -> Any:
        """What was last written under this name; None: nothing."""
        found = connection.execute(sa.select(meta.c.value).where(meta.c.name == name)).scalar()
        return None if found is None else orjson.loads(found)

    def write_meta(self, connection: sa.Connection, name: str, value: Any) -> None:
        self.db.upsert(
            connection, meta, {"name": name, "value": orjson.dumps(value).decode()}, keys=("name",)
        )


def _run(row: sa.Row[Any]) -> Run:
    return Run(
        seq=row.seq,
        trigger=row.trigger,
        profile_id=row.profile_id,
        occasion=row.occasion,
        place=row.place,
        version=row.version,
        due_at=instant(row.due_at),
        started_at=instant(row.started_at),
        event=orjson.loads(row.event),
        state=row.state,
        reason=row.reason,
        rev=row.rev,
        mails=row.mails,
        ended_at=None if row.ended_at is None else instant(row.ended_at),
        trace=orjson.loads(row.trace),
    )


def _values(run: Run) -> dict[str, Any]:
    return {
        "trigger": run.trigger,
        "profile_id": run.profile_id,
        "occasion": run.occasion,
        "state": run.state,
        "reason": run.reason,
        "place": run.place,
        "version": run.version,
        "due_at": run.due_at.timestamp(),
        "started_at": run.started_at.timestamp(),
        "ended_at": None if run.ended_at is None else run.ended_at.timestamp(),
        "mails": run.mails,
        "event": orjson.dumps(run.event, default=str),
        "trace": run.traced,
    }


def _chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
