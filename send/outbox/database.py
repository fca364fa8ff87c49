"""The connection to SQLite or PostgreSQL, and the few things in which the two differ."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from mailwright.errors import MissingExtraError, SendError

_CACHE_KB = 65_536
"""Of SQLite's pages, at most: with its own 2 MB it reads the inner pages of its indexes again and again."""


class Database:
    """Transactions on one store. Every write transaction on SQLite begins IMMEDIATE, so that none of them
    finds half-way that another process has written."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.where = _shown(self.engine.url)
        """The file, or the database's address without its password: for errors."""
        self.is_postgres = self.engine.dialect.name == "postgresql"

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        with self._connection(self.engine) as connection:
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with self._connection(self.engine.execution_options(reads=True)) as connection:
            yield connection

    @contextlib.contextmanager
    def _connection(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise SendError(f"the outbox at {self.where} could not be used: {_first_line(error)}") from error

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Inserts the rows whose key is not there yet."""
        if rows:
            kind = postgresql.insert if self.is_postgres else sqlite.insert
            connection.execute(kind(table).on_conflict_do_nothing(), rows)

    def upsert(
        self, connection: sa.Connection, table: sa.Table, row: dict[str, Any], keys: tuple[str, ...]
    ) -> None:
        kind: Any = postgresql.insert if self.is_postgres else sqlite.insert
        statement = kind(table).values(row)
        new = {name: statement.excluded[name] for name in row if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=new))

    def locked(self, statement: sa.Select[Any], of: sa.Table) -> sa.Select[Any]:
        """The rows, held for this transaction; rows that another worker holds are passed over."""
        return statement.with_for_update(skip_locked=True, of=of) if self.is_postgres else statement


def _engine(url: str) -> sa.Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SendError(
            "the outbox's address cannot be read",
            fix="sqlite:///path/outbox.db or postgresql+psycopg://user@host/database",
        ) from error
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        try:
            return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        except ImportError as error:
            raise MissingExtraError("psycopg", extra="postgres", needed_for="a PostgreSQL outbox") from error
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite") or not parsed.database:
        raise SendError(
            f"an outbox cannot live in {parsed.drivername!r}",
            fix="sqlite:///path/outbox.db or postgresql+psycopg://user@host/database",
        )
    engine = sa.create_engine(parsed, connect_args={"timeout": 60})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    del record
    # SQLAlchemy's recipe: the driver must not open transactions of its own, _begin_sqlite does.
    connection.isolation_level = None
    settings = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=60000", "foreign_keys=ON")
    for pragma in (*settings, f"cache_size=-{_CACHE_KB}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _shown(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    return url.set(password=None, query={}).render_as_string()


def _first_line(error: SQLAlchemyError) -> str:
    """Without the statement and its parameters, which hold addresses."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).partition("\n")[0][:300]
