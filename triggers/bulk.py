"""Rows in and out by the driver itself, many at once: what every event goes through.

SQLAlchemy's own way costs several times what SQLite or PostgreSQL take for a row. SQLite gets ``executemany``
and its ids as one JSON list; PostgreSQL one statement over arrays. Names of tables and columns come from
``triggers.schema`` alone, never from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from send.outbox.database import Database

Values = tuple[Any, ...]
_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]


class Bulk:
    """Statements on one database, inside of transactions that others have begun."""

    def __init__(self, db: Database) -> None:
        self._postgres = db.is_postgres

    def insert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        names: tuple[str, ...],
        rows: Sequence[Values],
        *,
        known_too: bool = False,
    ) -> None:
        """Insert the rows (values in the order of ``names``). A key that is there already is IntegrityError
        as SQLAlchemy raises it, or passed over where rows may be ``known_too``."""
        if not rows:
            return
        if self._postgres:
            columns = tuple(map(list, zip(*rows, strict=True)))
            connection.exec_driver_sql(_insert_arrays(table, names, known_too), columns)
        else:
            connection.exec_driver_sql(_insert_many(table, names, known_too), list(rows))

    def update(
        self, connection: sa.Connection, table: sa.Table, names: tuple[str, ...], rows: Sequence[Values]
    ) -> None:
        """Give the rows new values; the last of ``names`` is the key by which each is found."""
        if not rows:
            return
        if self._postgres:
            columns = tuple(map(list, zip(*rows, strict=True)))
            connection.exec_driver_sql(_update_arrays(table, names), columns)
        else:
            connection.exec_driver_sql(_update_many(table, names), list(rows))

    def select(
        self,
        connection: sa.Connection,
        table: sa.Table,
        names: tuple[str, ...],
        among: Iterable[str],
        *,
        by: str,
        also: str = "",
        values: Values = (),
    ) -> list[Values]:
        """Columns of the rows whose ``by`` is among these texts. ``also`` is more SQL, with ``?`` for each of
        ``values``."""
        ids = list(among)
        if not ids:
            return []
        sql = f"SELECT {', '.join(map(_quoted, names))} FROM {table.name} WHERE {_quoted(by)} "  # noqa: S608
        if self._postgres:
            given: Values = (ids, *values)
            sql += "= ANY(%s) " + also.replace("%", "%%").replace("?", "%s")
        else:
            given = (orjson.dumps(ids).decode(), *values)
            sql += "IN (SELECT value FROM json_each(?)) " + also  # noqa: S608
        # The driver's own rows: wrapping each costs more than reading it.
        return list(connection.exec_driver_sql(sql, given).cursor.fetchall())

    @property
    def held(self) -> str:
        """At the end of a SELECT: the rows stay this transaction's (SQLite's transactions have all)."""
        return " FOR UPDATE" if self._postgres else ""


@cache
def _insert_many(table: sa.Table, names: tuple[str, ...], known_too: bool) -> str:
    return (
        f"INSERT {'OR IGNORE ' * known_too}INTO {table.name} ({', '.join(map(_quoted, names))}) "  # noqa: S608
        f"VALUES ({', '.join('?' * len(names))})"
    )


@cache
def _insert_arrays(table: sa.Table, names: tuple[str, ...], known_too: bool) -> str:
    return (
        f"INSERT INTO {table.name} ({', '.join(map(_quoted, names))}) "  # noqa: S608
        f"SELECT * FROM unnest({_arrays(table, names)}){' ON CONFLICT DO NOTHING' * known_too}"
    )


@cache
def _update_many(table: sa.Table, names: tuple[str, ...]) -> str:
    changed = ", ".join(f"{_quoted(name)} = ?" for name in names[:-1])
    return f"UPDATE {table.name} SET {changed} WHERE {_quoted(names[-1])} = ?"  # noqa: S608


@cache
def _update_arrays(table: sa.Table, names: tuple[str, ...]) -> str:
    changed = ", ".join(f"{_quoted(name)} = new.{_quoted(name)}" for name in names[:-1])
    key = _quoted(names[-1])
    return (
        f"UPDATE {table.name} AS old SET {changed} FROM unnest({_arrays(table, names)}) "  # noqa: S608
        f"AS new ({', '.join(map(_quoted, names))}) WHERE old.{key} = new.{key}"
    )


def _arrays(table: sa.Table, names: tuple[str, ...]) -> str:
    return ", ".join(f"%s::{table.c[name].type.compile(_POSTGRES)}[]" for name in names)


def _quoted(name: str) -> str:
    return f'"{name}"'
