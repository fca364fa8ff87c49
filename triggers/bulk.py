"""Rows in and out by the driver itself, many at once: what every event goes through.

SQLAlchemy's own way costs several times what SQLite or PostgreSQL take for a row. SQLite gets ``executemany``
and its ids as one JSON list; PostgreSQL one statement, with each column as one JSON list (psycopg makes its
arrays element by element in Python, which costs more than all the rest). Names of tables and columns come
from ``triggers.schema`` alone, never from outside.
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
    ) -> int:
        """Insert the rows (values in the order of ``names``); how many. A key that is there already is
        IntegrityError as SQLAlchemy raises it, or passed over where rows may be ``known_too``."""
        if not rows:
            return 0
        if self._postgres:
            done = connection.exec_driver_sql(_insert_lists(table, names, known_too), _lists(rows))
        else:
            done = connection.exec_driver_sql(_insert_many(table, names, known_too), list(rows))
        return done.rowcount

    def next_numbers(
        self, connection: sa.Connection, table: sa.Table, name: str, count: int
    ) -> Sequence[int]:
        """As many values that a key, which counts up, has not had; nobody else gets them."""
        if not count:
            return ()
        if self._postgres:
            sql = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
            return [row[0] for row in connection.exec_driver_sql(sql, (table.name, name, count))]
        # Nobody else writes while this transaction does.
        sql = f"SELECT coalesce(max({_quoted(name)}), 0) FROM {table.name}"  # noqa: S608
        last: int = connection.exec_driver_sql(sql).scalar_one()
        return range(last + 1, last + count + 1)

    def update(
        self, connection: sa.Connection, table: sa.Table, names: tuple[str, ...], rows: Sequence[Values]
    ) -> None:
        """Give the rows new values; the last of ``names`` is the key by which each is found."""
        if not rows:
            return
        if self._postgres:
            connection.exec_driver_sql(_update_lists(table, names), _lists(rows))
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
        given = (orjson.dumps(ids).decode(), *values)
        if self._postgres:
            sql += "= ANY(ARRAY(SELECT json_array_elements_text(%s::json))) "
            sql += also.replace("%", "%%").replace("?", "%s")
        else:
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
def _insert_lists(table: sa.Table, names: tuple[str, ...], known_too: bool) -> str:
    return (
        f"INSERT INTO {table.name} ({', '.join(map(_quoted, names))}) "  # noqa: S608
        f"SELECT {', '.join(_typed(table, name) for name in names)} FROM {_rows_of_lists(names)}"
        f"{' ON CONFLICT DO NOTHING' * known_too}"
    )


@cache
def _update_many(table: sa.Table, names: tuple[str, ...]) -> str:
    changed = ", ".join(f"{_quoted(name)} = ?" for name in names[:-1])
    return f"UPDATE {table.name} SET {changed} WHERE {_quoted(names[-1])} = ?"  # noqa: S608


@cache
def _update_lists(table: sa.Table, names: tuple[str, ...]) -> str:
    changed = ", ".join(f"{_quoted(name)} = {_typed(table, name)}" for name in names[:-1])
    key = names[-1]
    return (
        f"UPDATE {table.name} AS old SET {changed} FROM {_rows_of_lists(names)} "  # noqa: S608
        f"WHERE old.{_quoted(key)} = {_typed(table, key)}"
    )


def _lists(rows: Sequence[Values]) -> tuple[str, ...]:
    """Each column as a JSON list; bytes hold text, here as everywhere in these tables."""
    return tuple(orjson.dumps(column, default=bytes.decode).decode() for column in zip(*rows, strict=True))


def _rows_of_lists(names: tuple[str, ...]) -> str:
    """The rows ``new`` of one JSON list a column, all values as text."""
    lists = ", ".join("json_array_elements_text(%s::json)" for _ in names)
    return f"ROWS FROM ({lists}) AS new ({', '.join(map(_quoted, names))})"


def _typed(table: sa.Table, name: str) -> str:
    """A column of ``_rows_of_lists`` in its own type."""
    kind = table.c[name].type
    if isinstance(kind, sa.LargeBinary):
        return f"convert_to(new.{_quoted(name)}, 'UTF8')"
    return f"new.{_quoted(name)}::{kind.compile(_POSTGRES)}"


def _quoted(name: str) -> str:
    return f'"{name}"'
