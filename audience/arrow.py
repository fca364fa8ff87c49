"""The Arrow type of an attribute, and DuckDB as a function from Arrow tables to an Arrow table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from mailwright.errors import DataError
from mailwright.model.duck import locked_database
from mailwright.model.schema import Attribute, Schema

TIMESTAMP = pa.timestamp("us", tz="UTC")

_SCALARS: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": TIMESTAMP,
}


def arrow_type(attribute: Attribute) -> pa.DataType:
    """The one Arrow type in which this attribute travels between rooms (docs/architecture.md)."""
    if attribute.items is not None:
        return pa.list_(arrow_type(attribute.items))
    if attribute.fields is not None:
        return pa.struct([(name, arrow_type(field)) for name, field in attribute.fields.items()])
    return _SCALARS[attribute.type]


def arrow_schema(schema: Schema) -> pa.Schema:
    """A column an attribute, in declared order."""
    return pa.schema([(name, arrow_type(attribute)) for name, attribute in schema.items()])


def as_rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as mappings by name; instants of columns (not those inside of structs) in ``datetime.UTC``.

    Arrow's own ``to_pylist`` takes forty times as long for an instant, and gives each another kind of UTC,
    with which every later comparison costs ten times as much.
    """
    names = table.column_names
    columns = [_values(column) for column in table.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    if column.type != TIMESTAMP:
        found: list[Any] = column.to_pylist()
        return found
    since: list[timedelta | None] = column.to_numpy().view("m8[us]").tolist()
    return [None if one is None else _EPOCH + one for one in since]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def query(sql: str, params: dict[str, Any] | None = None, /, **tables: pa.Table) -> pa.Table:
    """The result of one DuckDB query over the named tables; timestamps come back in UTC.

    The connection can reach no file and no network. Raises ``DataError`` when DuckDB refuses.
    """
    with locked_database() as connection:
        try:
            for name, table in tables.items():
                connection.register(name, table)
            return connection.sql(sql, params=params or {}).to_arrow_table()
        except duckdb.Error as error:
            raise DataError(f"the data could not be read: {error}") from error
