"""Reading CSV, Parquet and JSON Lines as they are: columns by attribute, nothing judged yet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from mailwright.errors import DataError, did_you_mean
from mailwright.model.schema import Schema
from mailwright.model.workspace import DataSource


@dataclass
class Raw:
    """One source as read.

    ``columns`` holds, per attribute that the source has, an Arrow array of whatever type it came in, or a
    list of Python objects for lists and objects of JSON. ``rows`` is the number of each row as an editor
    shows it (the header of a CSV file is row 1). ``broken`` lists rows that are no rows: number, what, text.
    ``wrong`` says, per attribute and position, what made a value unreadable; the column has NULL there.
    """

    file: str
    columns: dict[str, pa.Array | list[Any]]
    rows: np.ndarray[Any, np.dtype[np.int64]]
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    wrong: dict[str, dict[int, str]] = field(default_factory=dict)


def read_source(root: Path, source: DataSource, schema: Schema, *, what: str) -> Raw:
    """The rows of one file of the workspace.

    Raises ``DataError`` for a missing or unreadable file, a format that its name does not tell, and a
    column that the schema does not know or that two columns of the file claim.
    """
    path = root / source.path
    if not path.is_file():
        near = did_you_mean(
            path.name, (p.name for p in path.parent.glob("*")) if path.parent.is_dir() else ()
        )
        raise DataError(
            f"data.{what}.path: there is no file {source.path}",
            fix=near or f"put the file there, or correct data.{what}.path in mailwright.yaml",
        )
    endings = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    kind = source.format or endings.get(path.suffix.lower())
    if kind is None:
        raise DataError(
            f"data.{what}: the ending of {source.path} does not say its format",
            fix="set format: csv, parquet or jsonl",
        )
    names = ColumnNames(source, schema, what)
    return _READERS[kind](path, names)


class ColumnNames:
    """Which attribute a column of the source is: renamed by ``columns``, left out where that says null."""

    def __init__(self, source: DataSource, schema: Schema, what: str) -> None:
        self.file = source.path
        self.what = what
        self._renamed = source.columns
        self._schema = schema

    @property
    def attributes(self) -> Schema:
        return self._schema

    def of_header(self, header: Iterable[str], *, row: int = 1) -> dict[str, str]:
        """Attribute → column, for the columns that the source has. Raises ``DataError``."""
        header = list(header)
        for name in self._renamed:
            if name not in header:
                raise DataError(
                    f"{self.file}:{row}: there is no column {name!r}, which data.{self.what}.columns renames",
                    fix=did_you_mean(name, header),
                )
        found: dict[str, str] = {}
        for number, column in enumerate(header, 1):
            attribute = self.attribute(column, f"{self.file}:{row}:{number}")
            if attribute is None:
                continue
            if attribute in found:
                raise DataError(
                    f"{self.file}:{row}:{number}: {attribute!r} is both {found[attribute]!r} and {column!r}",
                    fix=f"keep one; leave the other out with data.{self.what}.columns: {{{column}: null}}",
                )
            found[attribute] = column
        return found

    def attribute(self, column: str, place: str) -> str | None:
        """The attribute of this column, None where it is left out. Raises ``DataError``."""
        name = self._renamed.get(column, column)
        if name is None or name in self._schema:
            return name
        near = did_you_mean(name, self._schema)
        raise DataError(
            f"{place}: unknown column {column!r}",
            fix=f"{near}  Or declare it, or leave it out with data.{self.what}.columns: {{{column}: null}}",
        )


def _read_csv(path: Path, names: ColumnNames) -> Raw:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader(file), [])
    if not any(header):
        raise DataError(f"{names.file}:1: the file has no header", fix="its first row must name the columns")
    found = names.of_header(header)
    broken: list[tuple[int, str, str]] = []

    def refuse(row: Any) -> str:
        broken.append(
            (row.number, f"{row.actual_columns} columns instead of {row.expected_columns}", row.text)
        )
        return "skip"

    try:
        table = pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=1 << 24),
            parse_options=pa.csv.ParseOptions(
                newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=refuse
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.binary()), include_columns=list(found.values())
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{names.file}: not a CSV file: {error}", fix='separate by commas, quote with "'
        ) from error
    rows = np.setdiff1d(np.arange(2, table.num_rows + len(broken) + 2), [row for row, _, _ in broken])
    table, rows = _without_empty_lines(table, rows)
    raw = Raw(names.file, {}, rows, broken)
    for name, column in found.items():
        raw.columns[name], raw.wrong[name] = _as_text(table.column(column).combine_chunks())
    return raw


def _without_empty_lines(table: pa.Table, rows: Any) -> tuple[pa.Table, Any]:
    """A line with nothing on it is no row of data; a row of commas alone is none either."""
    empty = np.ones(table.num_rows, dtype=bool)
    for column in table.columns:
        empty &= pc.equal(pc.binary_length(column), 0).to_numpy()
    return (table.filter(pa.array(~empty)), rows[~empty]) if empty.any() else (table, rows)


def _as_text(column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    try:
        return column.cast(pa.string()), {}
    except pa.ArrowInvalid:
        values: list[str | None] = []
        wrong: dict[int, str] = {}
        for position, value in enumerate(column.to_pylist()):
            try:
                values.append(value.decode())
            except UnicodeDecodeError:
                values.append(None)
                wrong[position] = "not UTF-8 text"
        return pa.array(values, pa.string()), wrong


def _read_parquet(path: Path, names: ColumnNames) -> Raw:
    try:
        file = pa.parquet.ParquetFile(path)
        found = names.of_header(file.schema_arrow.names)
        table = file.read(columns=list(found.values()))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{names.file}: not a Parquet file: {error}") from error
    columns = {name: table.column(column).combine_chunks() for name, column in found.items()}
    return Raw(names.file, columns, np.arange(1, table.num_rows + 1))


def _read_jsonl(path: Path, names: ColumnNames) -> Raw:
    objects: list[dict[str, Any]] = []
    rows: list[int] = []
    broken: list[tuple[int, str, str]] = []
    known: dict[str, str | None] = {}
    with path.open("rb") as file:
        for row, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                broken.append(
                    (row, f"not JSON: {error.msg} in column {error.colno}", line.decode(errors="replace"))
                )
                continue
            if not isinstance(value, dict):
                broken.append((row, "not a JSON object", line.decode()))
                continue
            for key in value.keys() - known.keys():
                known[key] = names.attribute(key, f"{names.file}:{row}")
            objects.append(value)
            rows.append(row)
    found = names.of_header(sorted(known)) if objects else {}
    return of_objects(names.file, objects, rows, found, names.attributes, broken)


def of_objects(
    file: str,
    objects: list[dict[str, Any]],
    rows: list[int],
    found: dict[str, str],
    schema: Schema,
    broken: list[tuple[int, str, str]],
) -> Raw:
    """Columns out of Python objects (JSON, SQL rows); ``found`` is attribute → key."""
    raw = Raw(file, {}, np.array(rows, dtype=np.int64), broken)
    for name, key in found.items():
        values = [value.get(key) for value in objects]
        if schema[name].type in ("list", "object"):
            raw.columns[name] = values
        else:
            raw.columns[name], raw.wrong[name] = scalar_column(values, schema[name].type)
    return raw


def scalar_column(values: list[Any], kind: str) -> tuple[pa.Array, dict[int, str]]:
    """An Arrow array of these values, as text when they are of several types; what is no scalar is wrong."""
    wrong = {i: f"not a {kind}" for i, value in enumerate(values) if isinstance(value, list | dict)}
    flat = [None if i in wrong else value for i, value in enumerate(values)] if wrong else values
    try:
        return pa.array(flat), wrong
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if v is None else _json_text(v) for v in flat], pa.string()), wrong


def _json_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_READERS: dict[str, Callable[[Path, ColumnNames], Raw]] = {
    "csv": _read_csv,
    "parquet": _read_parquet,
    "jsonl": _read_jsonl,
}
