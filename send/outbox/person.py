"""What the outbox knows: which messages it has recorded, what it holds of a person, and its erasure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from send.outbox.database import Database
from send.outbox.schema import attributes, events, messages, preferences

FORGOTTEN = "forgotten"
"""Stands for the profile's id in messages of a person who was erased."""

_AT_ONCE = 500
"""Ids in one query; older SQLite takes 999 parameters."""


def known_messages(db: Database, message_ids: Sequence[str]) -> frozenset[str]:
    """Those of the ids that are recorded, whatever became of them."""
    found: set[str] = set()
    with db.read() as connection:
        for start in range(0, len(message_ids), _AT_ONCE):
            some = message_ids[start : start + _AT_ONCE]
            query = sa.select(messages.c.message_id).where(messages.c.message_id.in_(some))
            found.update(connection.execute(query).scalars())
    return frozenset(found)


def held_of(db: Database, profile_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Messages, what became of them, and preferences of a person, as JSON can carry them."""
    mine = messages.c.profile_id.in_(profile_ids)
    shown = ("message_id", "campaign", "occasion", "address", "status", "reason", "settled_at")
    of_mine = events.c.message_id.in_(sa.select(messages.c.message_id).where(mine))
    with db.read() as connection:
        return {
            "messages": _rows(connection, sa.select(*(messages.c[name] for name in shown)).where(mine)),
            "events": _rows(
                connection,
                sa.select(events.c.message_id, events.c.kind, events.c.at, events.c.url).where(of_mine),
            ),
            "preferences": _rows(
                connection, sa.select(preferences).where(preferences.c.profile_id.in_(profile_ids))
            ),
            "attributes": [
                row | {"sent": orjson.loads(row["sent"])}
                for row in _rows(
                    connection, sa.select(attributes).where(attributes.c.profile_id.in_(profile_ids))
                )
            ],
        }


def erase_person(db: Database, profile_ids: Sequence[str]) -> int:
    """Take the person out of messages, events and preferences; the number of messages.

    The message ids stay: they say that a mail went out, not to whom, and keep it from going out again. A
    message that has not left yet is skipped.
    """
    mine = messages.c.profile_id.in_(profile_ids)
    ids = sa.select(messages.c.message_id).where(mine)
    with db.write() as connection:
        connection.execute(sa.update(events).where(events.c.message_id.in_(ids)).values(detail="", url=None))
        for table in (preferences, attributes):
            connection.execute(sa.delete(table).where(table.c.profile_id.in_(profile_ids)))
        connection.execute(
            sa.update(messages)
            .where(mine, messages.c.status == "pending")
            .values(status="skipped", reason="suppressed")
        )
        nobody = {"profile_id": FORGOTTEN, "address": "", "timezone": "", "detail": "", "part": None}
        erased = int(connection.execute(sa.update(messages).where(mine).values(**nobody)).rowcount)
    if not db.is_postgres:
        _rewrite(db)
    return erased


def _rewrite(db: Database) -> None:
    """Write the SQLite file anew: what was erased still stands in its free pages and its write-ahead log."""
    raw = db.engine.raw_connection()
    try:
        raw.rollback()
        for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            raw.cursor().execute(statement)
    finally:
        raw.close()


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(query)]
