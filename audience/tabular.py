"""Reading CSV, Parquet and JSON Lines, row by row as a spreadsheet counts them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from audience.raw import ColumnNames, Raw, of_objects
from mailwright.errors import DataError


def read_csv(path: Path, names: ColumnNames) -> Raw:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader(file), [])
    if not any(header):
        raise DataError(f"{names.file}:1: the file has no header", fix="its first row must name the columns")
    found = names.of_header(header)
    try:
        table, broken = _table(path, header, list(found.values()), use_threads=True)
        if broken:  # threads do not know the numbers of rows
            table, broken = _table(path, header, list(found.values()), use_threads=False)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{names.file}: not a CSV file: {error}", fix='separate by commas, quote with "'
        ) from error
    rows = np.delete(np.arange(2, table.num_rows + len(broken) + 2), [row - 2 for row, _, _ in broken])
    table, rows, notes = _without_blank_rows(table, rows, names.file)
    raw = Raw(names.file, {}, rows, broken, notes=notes)
    for name, column in found.items():
        raw.columns[name], raw.wrong[name] = _as_text(table.column(column).combine_chunks())
    return raw


def _table(
    path: Path, header: list[str], columns: list[str], *, use_threads: bool
) -> tuple[pa.Table, list[tuple[int, str, str]]]:
    """The rows, and those that are no rows: number, what, text."""
    broken: list[tuple[int, str, str]] = []

    def refuse(row: Any) -> str:
        broken.append(
            (row.number, f"{row.actual_columns} columns instead of {row.expected_columns}", row.text)
        )
        return "skip"

    table = pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(use_threads=use_threads, block_size=1 << 24),
        parse_options=pa.csv.ParseOptions(
            newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=refuse
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.binary()), include_columns=columns
        ),
    )
    return table, broken


def _without_blank_rows(table: pa.Table, rows: Any, file: str) -> tuple[pa.Table, Any, list[str]]:
    """Rows without any value are no rows of data but what spreadsheets leave below and between them: they are
    left out, and counted in a note. To reject them would refuse a whole feed for the tail of its sheet."""
    # Those without a first value are looked at for a second, and so on: soon nobody is left.
    places = np.arange(table.num_rows)
    for name in table.column_names:
        empty = pc.equal(pc.binary_length(table.column(name).take(pa.array(places))), 0)
        places = places[empty.to_numpy()]
        if not len(places):
            return table, rows, []
    blank = np.zeros(table.num_rows, dtype=bool)
    blank[places] = True
    count, first = int(blank.sum()), int(rows[blank.argmax()])
    what = "row without any value was" if count == 1 else "rows without any value were"
    note = f"{file}: {count:,} {what} left out (the first is row {first})"
    return table.filter(pa.array(~blank)), rows[~blank], [note]


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


def read_parquet(path: Path, names: ColumnNames) -> Raw:
    try:
        # Texts as numbers of their different values: events name the same few again and again.
        texts = [f.name for f in pa.parquet.read_schema(path) if pa.types.is_string(f.type)]
        file = pa.parquet.ParquetFile(path, read_dictionary=texts)
        found = names.of_header(file.schema_arrow.names)
        table = file.read(columns=list(found.values()))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{names.file}: not a Parquet file: {error}") from error
    columns = {name: table.column(column).combine_chunks() for name, column in found.items()}
    return Raw(names.file, columns, np.arange(1, table.num_rows + 1))


def read_jsonl(path: Path, names: ColumnNames) -> Raw:
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
