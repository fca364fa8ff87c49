"""Reading a query through SQLAlchemy: any database that has a driver."""

from __future__ import annotations

import os
import re
from typing import Any
from uuid import UUID

import sqlalchemy
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from audience.raw import ColumnNames, Raw, of_objects
from mailwright.errors import DataError, MissingExtraError
from mailwright.model.workspace import DataSource

_LITERAL_COLON = re.compile(r"(?<![:\w\\]):(?=\w)")
"""What SQLAlchemy would take for a parameter; a source's query has none."""

_DRIVERS = {"psycopg": "postgres"}
"""Package of a driver → the extra that brings it."""


def read_query(source: DataSource, names: ColumnNames) -> Raw:
    """All rows of the query, in one read-only transaction; row 1 is the first.

    Raises ``DataError`` when the environment has no address, the database cannot be reached, or it refuses
    the query; no message holds the address, which has a password in it.
    """
    assert source.query is not None
    assert source.url_env is not None
    url = os.environ.get(source.url_env)
    if not url:
        raise DataError(
            f"data.{names.what}.url_env: the environment has no {source.url_env}",
            fix=f"export {source.url_env}=postgresql+psycopg://reader:…@host/database",
        )
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    except ModuleNotFoundError as error:
        package = error.name or "the driver"
        raise MissingExtraError(
            package, extra=_DRIVERS.get(package, package), needed_for=f"data.{names.what}.query"
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise DataError(
            f"data.{names.what}.url_env: {source.url_env} holds no SQLAlchemy URL",
            fix="for example postgresql+psycopg://reader:…@host/database",
        ) from error
    try:
        return _rows(engine, source.query, names)
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise DataError(f"data.{names.what}.query: the database refused: {cause}") from error


def _rows(engine: sqlalchemy.Engine, sql: str, names: ColumnNames) -> Raw:
    options: dict[str, Any] = {"stream_results": True}
    if engine.dialect.name == "postgresql":
        options["postgresql_readonly"] = True
    with engine.connect().execution_options(**options) as connection:
        result = connection.execute(sqlalchemy.text(_LITERAL_COLON.sub(r"\:", sql)))
        keys = list(result.keys())
        found = names.of_header(keys, row=0)
        rows = [{key: _plain(value) for key, value in zip(keys, row, strict=True)} for row in result]
    return of_objects(names.file, rows, list(range(1, len(rows) + 1)), found, names.attributes, [])


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", errors="replace")
    return value
