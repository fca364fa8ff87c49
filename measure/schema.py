"""The tables that measuring reads: messages, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from mailwright.errors import DataError
from mailwright.model.message import Status

if TYPE_CHECKING:
    import pyarrow.dataset as ds

Frame: TypeAlias = "pa.Table | ds.Dataset"
"""A table in memory, or a Parquet data set that is read as it is needed."""

AT = pa.timestamp("us", tz="UTC")

MESSAGES = pa.schema(
    [
        pa.field("message_id", pa.string(), nullable=False),
        pa.field("profile_id", pa.string(), nullable=False),
        pa.field("campaign", pa.string(), nullable=False),
        pa.field("occasion", pa.string()),
        pa.field("trigger", pa.string()),
        pa.field("at", AT),
        pa.field("status", pa.string(), nullable=False),
        pa.field("skip_reason", pa.string()),
        pa.field("locale", pa.string()),
        pa.field("variant", pa.string()),
        pa.field("segments", pa.list_(pa.string())),
        pa.field("blocks", pa.list_(pa.struct([("slot", pa.string()), ("block", pa.string())]))),
        pa.field("recommendations", pa.list_(pa.struct([("item_id", pa.string()), ("source", pa.string())]))),
        pa.field(
            "asked",
            pa.list_(
                pa.struct([("item_id", pa.string()), ("source", pa.string()), ("position", pa.int32())])
            ),
        ),
        pa.field(
            "arms",
            pa.list_(
                pa.struct([("experiment", pa.string()), ("version", pa.string()), ("arm", pa.string())])
            ),
        ),
        pa.field("simulated", pa.bool_()),
    ]
)
"""One row a message, and one for each profile that was held out (``status`` skipped, ``skip_reason``
holdout), as of ``at``: when the ESP took it, or would have been given it. ``status`` is a
``message.Status``; ``arms`` holds the experiments in which the profile was enrolled at that moment; ``asked``
the items that blocks asked for themselves, each with its place in its own list, from 1."""

OUTCOMES = pa.schema(
    [
        pa.field("event_id", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("at", AT, nullable=False),
        pa.field("message_id", pa.string()),
        pa.field("url", pa.string()),
        pa.field("machine", pa.bool_()),
        pa.field("simulated", pa.bool_()),
    ]
)
"""One row a webhook event, as often and as late as it came. ``kind`` is one of send's event kinds;
``machine`` is true where the ESP says that no person did it (Apple's privacy proxy, a link scanner)."""

ORDERS = pa.schema(
    [
        pa.field("profile_id", pa.string(), nullable=False),
        pa.field("item_id", pa.string()),
        pa.field("event", pa.string(), nullable=False),
        pa.field("at", AT, nullable=False),
        pa.field("quantity", pa.int64()),
        pa.field("amount", pa.float64()),
        pa.field("order_id", pa.string()),
        pa.field("event_id", pa.string()),
    ]
)
"""Interactions, as ``audience`` gives them. ``order_id`` and ``event_id`` are used where the workspace
declares them; without them an order is what one profile bought at one instant."""

ITEMS = pa.schema([pa.field("item_id", pa.string(), nullable=False), pa.field("url", pa.string())])
"""Of the catalogue: which page belongs to which item, so that a click on a link is a click on an item."""

SENT = tuple(
    str(status)
    for status in (
        Status.ACCEPTED,
        Status.DELIVERED,
        Status.DEFERRED,
        Status.BOUNCED,
        Status.OPENED,
        Status.CLICKED,
        Status.COMPLAINED,
        Status.UNSUBSCRIBED,
    )
)
"""The states in which an ESP has had the message. One in another state counts as sent as soon as a webhook
about it proves that it was."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table's name in error messages and in SQL, and its columns."""

    name: str
    schema: pa.Schema


MESSAGES_TABLE = TableSpec("messages", MESSAGES)
OUTCOMES_TABLE = TableSpec("outcomes", OUTCOMES)
ORDERS_TABLE = TableSpec("orders", ORDERS)
ITEMS_TABLE = TableSpec("items", ITEMS)


def register(connection: duckdb.DuckDBPyConnection, frame: Frame | None, spec: TableSpec) -> None:
    """Make the frame the view ``spec.name`` with exactly the schema's columns; instants as UTC microseconds.

    A column that may be missing is NULL there; no frame at all is an empty view. Raises DataError for a
    missing column that must be there and for a wrong type.
    """
    if frame is None:
        frame = spec.schema.empty_table()
    have = frame.schema
    columns = []
    for field in spec.schema:
        quoted = f'"{field.name}"'
        if field.name not in have.names:
            if not field.nullable:
                raise DataError(f"{spec.name}: the column {field.name!r} is missing", fix="docs/measure.md")
            columns.append(f"CAST(NULL AS {_sql_type(field.type)}) AS {quoted}")
            continue
        _check_type(spec, field, have.field(field.name).type)
        wide = f"epoch_us({quoted})" if pa.types.is_timestamp(field.type) else quoted
        columns.append(f"{wide} AS {quoted}")
    source = _source(connection, frame, f"_{spec.name}")
    connection.execute(f"CREATE TEMP VIEW {spec.name} AS SELECT {', '.join(columns)} FROM {source}")  # noqa: S608 our own names


def _source(connection: duckdb.DuckDBPyConnection, frame: Frame, name: str) -> str:
    """The frame as SQL: a local Parquet data set is read by DuckDB itself, at half the cost."""
    if not isinstance(frame, pa.Table) and _is_local(frame):
        files = frame.files
        if files and frame.format.default_extname == "parquet" and frame.schema == pq.read_schema(files[0]):
            quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
            return f"read_parquet([{quoted}], union_by_name := true)"
    connection.register(name, frame)
    return name


def _is_local(frame: ds.Dataset) -> bool:
    import pyarrow.dataset as ds  # brings pandas, half a second that most commands do without
    from pyarrow import fs

    return isinstance(frame, ds.FileSystemDataset) and isinstance(frame.filesystem, fs.LocalFileSystem)


def _check_type(spec: TableSpec, field: pa.Field, have: pa.DataType) -> None:
    want = field.type
    if pa.types.is_null(have):
        return
    if pa.types.is_timestamp(want):
        fits = pa.types.is_timestamp(have) and have.tz is not None
    elif pa.types.is_string(want):
        plain = have.value_type if pa.types.is_dictionary(have) else have
        fits = pa.types.is_string(plain) or pa.types.is_large_string(plain)
    elif pa.types.is_floating(want) or pa.types.is_integer(want):
        fits = pa.types.is_floating(have) or pa.types.is_integer(have) or pa.types.is_decimal(have)
    elif pa.types.is_list(want):
        fits = pa.types.is_list(have) or pa.types.is_large_list(have)
    else:
        fits = have == want
    if not fits:
        raise DataError(
            f"{spec.name}: the column {field.name!r} is {have}, not {want}",
            fix="docs/measure.md has the schema",
        )


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind) or pa.types.is_integer(kind):
        return "BIGINT"
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    if pa.types.is_floating(kind):
        return "DOUBLE"
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        fields = (f'"{kind.field(i).name}" {_sql_type(kind.field(i).type)}' for i in range(kind.num_fields))
        return f"STRUCT({', '.join(fields)})"
    return "VARCHAR"
