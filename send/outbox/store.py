"""One outbox, opened: the tables made, the key of the address hashes read."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from mailwright.errors import SendError
from send.address import canonical
from send.outbox.database import Database
from send.outbox.feedback import Feedback
from send.outbox.lease import SenderLock
from send.outbox.operators import Operators
from send.outbox.schema import calls, messages, meta, metadata
from send.outbox.suppression import Suppressions


class Outbox:
    """The durable state of sending. ``operators``, ``suppressions`` and ``feedback`` are its three desks."""

    def __init__(self, db: Database, *, hash_key: bytes | None, clock: Callable[[], float]) -> None:
        self.db = db
        self.clock = clock
        self._hash_key = hash_key or _stored_key(db)
        self.operators = Operators(db, clock)
        self.suppressions = Suppressions(db, self.hash_address, clock)
        self.feedback = Feedback(db, self.hash_address, clock)

    def hash_address(self, address: str) -> bytes:
        """HMAC-SHA256 of the canonical address."""
        return hmac.digest(
            self._hash_key, canonical(address).encode("utf-8", "surrogatepass"), hashlib.sha256
        )

    def sender_lock(self) -> SenderLock | None:
        """What one sending process must hold on SQLite; None on PostgreSQL, where leases do the same."""
        database = self.db.engine.url.database
        return None if self.db.is_postgres or database is None else SenderLock(Path(database))

    def is_sending(self) -> bool:
        """Whether a process sends from here now. On PostgreSQL: holds a call, or claimed one a minute ago."""
        lock = self.sender_lock()
        if lock is not None:
            return lock.is_held()
        now = self.clock()
        held = sa.exists().where(calls.c.state == "claimed", calls.c.lease_until >= now)
        lately = sa.exists().where(messages.c.claimed_at > now - 60)
        with self.db.read() as connection:
            return bool(connection.execute(sa.select(sa.or_(held, lately))).scalar())

    def close(self) -> None:
        self.db.engine.dispose()


def open_outbox(url: str, *, hash_key: bytes | None = None, clock: Callable[[], float] = time.time) -> Outbox:
    """The outbox at ``sqlite:///path/outbox.db`` or ``postgresql+psycopg://…``, made when it is not there.

    ``hash_key`` keys the hashes of suppressed addresses; without it a random key is kept in the store.
    SendError: the address cannot be read or the database not reached.
    """
    db = Database(url)
    database = db.engine.url.database
    if not db.is_postgres and database:
        try:
            Path(database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SendError(f"the outbox's folder cannot be made: {error.strerror}") from error
    with db.write() as connection:
        if db.is_postgres:
            # Two workers that start at once must not both make the tables.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(727000)"))
        metadata.create_all(connection)
        _add_columns(connection)
    return Outbox(db, hash_key=hash_key, clock=clock)


def _add_columns(connection: sa.Connection) -> None:
    """An outbox made by an earlier version gets the columns and indexes that came since; any of these columns
    may be empty."""
    there = sa.inspect(connection)
    for table in metadata.sorted_tables:
        known = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _stored_key(db: Database) -> bytes:
    with db.write() as connection:
        db.insert_new(connection, meta, [{"name": "hash_key", "value": secrets.token_bytes(32)}])
        return bytes(
            connection.execute(sa.select(meta.c.value).where(meta.c.name == "hash_key")).scalar_one()
        )
