"""What is kept of a person here, and its erasure; the outbox and the files have their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import orjson
import sqlalchemy as sa

from audience.erasure import plain_id, stands_in
from triggers.ingest import anonymous_profile
from triggers.schema import aliases, dead, events, profiles, recommended, records, runs, sends
from triggers.store import Store
from triggers.stored import instant

_TABLES = (profiles, events, runs, sends, records, recommended)
_CALLERS = ("userId", "anonymousId", "previousId")
_TIMES = ("at", "received_at", "due_at", "started_at", "ended_at")


def held_of(store: Store, profile_ids: Collection[str], addresses: Collection[str]) -> dict[str, Any]:
    """All rows of these profiles and of whom they were while anonymous, as JSON, by table; no empty lists.

    ``dead_letters`` are the calls that could not be taken and name an id or one of the ``addresses``.
    """
    found: dict[str, Any] = {}
    with store.db.read() as connection:
        known = _anonymous(connection, profile_ids)
        for table in _TABLES:
            where = table.c.profile_id.in_(_names(profile_ids, known))
            rows = connection.execute(sa.select(table).where(where)).mappings()
            found[table.name.removeprefix("trigger_")] = [_shown(dict(row)) for row in rows]
        found["anonymous_ids"] = known
        letters = _letters(connection, {*profile_ids, *known}, addresses)
        found["dead_letters"] = [text for _, text in letters]
    return {name: rows for name, rows in found.items() if rows}


def erase_person(
    store: Store, connection: sa.Connection, profile_ids: Collection[str], addresses: Collection[str] = ()
) -> int:
    """Remove all that ``held_of`` gives; how many rows."""
    known = _anonymous(connection, profile_ids)
    gone = 0
    letters = [seq for seq, _ in _letters(connection, {*profile_ids, *known}, addresses)]
    for start in range(0, len(letters), 500):
        store.forget_letters(connection, letters[start : start + 500])
    for table in _TABLES:
        where = table.c.profile_id.in_(_names(profile_ids, known))
        gone += connection.execute(sa.delete(table).where(where)).rowcount
    gone += connection.execute(sa.delete(aliases).where(aliases.c.profile_id.in_(profile_ids))).rowcount
    store.note_erasure(connection)
    return gone + len(letters)


def addresses_told(store: Store, profile_ids: Collection[str]) -> list[str]:
    """The addresses that identify calls gave these profiles."""
    wanted = sa.select(profiles.c.attributes).where(profiles.c.profile_id.in_(profile_ids))
    with store.db.read() as connection:
        told = [orjson.loads(one).get("email") for one in connection.execute(wanted).scalars()]
    return [str(one) for one in told if one]


def _anonymous(connection: sa.Connection, profile_ids: Iterable[str]) -> list[str]:
    wanted = sa.select(aliases.c.anonymous_id).where(aliases.c.profile_id.in_(list(profile_ids)))
    return sorted(connection.execute(wanted).scalars())


def _names(profile_ids: Iterable[str], anonymous: Iterable[str]) -> list[str]:
    return [*profile_ids, *map(anonymous_profile, anonymous)]


def _letters(
    connection: sa.Connection, ids: Collection[str], addresses: Collection[str]
) -> Iterator[tuple[int, str]]:
    """The dead letters in which one of the ids calls, or one of the addresses stands."""
    wanted = [address.casefold() for address in addresses]
    for seq, body in connection.execute(sa.select(dead.c.seq, dead.c.body)).all():
        try:
            call = orjson.loads(body)
        except orjson.JSONDecodeError:
            call = body.decode(errors="replace")
        text = call if isinstance(call, str) else orjson.dumps(call).decode()
        if isinstance(call, dict):
            named = any(plain_id(call.get(name)) in ids for name in _CALLERS)
        else:
            named = stands_in(ids, text)
        if named or any(address in text.casefold() for address in wanted):
            yield seq, text


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Instants as ISO 8601, packed JSON as it is meant."""
    for name, value in row.items():
        if isinstance(value, bytes):
            row[name] = orjson.loads(value)
        elif name in _TIMES and value is not None:
            row[name] = instant(value).isoformat()
    return row
