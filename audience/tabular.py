"""Reading CSV, Parquet and JSON Lines, row by row as a spreadsheet counts them."""

from __future__ import annotations

import csv
import mmap
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from audience.distinct import SHARE
from audience.order import flat
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

    types = dict.fromkeys(header, pa.binary()) | dict.fromkeys(_repeating(path, header), _CODED)
    table = pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(use_threads=use_threads, block_size=_BLOCK),
        parse_options=_parse(refuse, lines=use_threads and _has_whole_lines(path)),
        convert_options=pa.csv.ConvertOptions(column_types=types, include_columns=columns),
    )
    return table, broken


_BLOCK = 1 << 24
"""Bytes that a thread parses at a time."""
_LARGE, _LOOK = 1 << 24, 1 << 20
"""Bytes of a file whose texts are worth to be coded, and of its beginning that says which."""
_CODED = pa.dictionary(pa.int32(), pa.binary())


def _parse(refuse: Callable[[Any], str], *, lines: bool = False) -> pa.csv.ParseOptions:
    """With ``lines`` no value goes over the end of one, which halves the time of parsing."""
    return pa.csv.ParseOptions(
        newlines_in_values=not lines, ignore_empty_lines=False, invalid_row_handler=refuse
    )


def _has_whole_lines(path: Path) -> bool:
    """Whether it is certain that no value goes over the end of a line: each line with a quote is of whole
    values. Where many have one it is not looked for, as it would take longer than what it saves."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        end = 0
        for _ in range(_MOST_QUOTED):
            at = data.find(b'"', end)
            if at < 0:
                return True
            begin = data.rfind(b"\n", end, at) + 1 or end
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            if not _WHOLE.fullmatch(data, begin, end):
                return False
    return False


_MOST_QUOTED = 20_000
_VALUE = rb'(?:"(?:[^"\r]|"")*"|[^",]*)'
_WHOLE = re.compile(_VALUE + rb"(?:," + _VALUE + rb")*\r?")


def _repeating(path: Path, header: list[str]) -> list[str]:
    """The columns of a large file whose texts repeat: read as numbers of their different values."""
    if path.stat().st_size < _LARGE:
        return []
    types = pa.csv.ConvertOptions(column_types=dict.fromkeys(header, pa.binary()))
    options = pa.csv.ReadOptions(block_size=_LOOK)
    try:
        with pa.csv.open_csv(path, options, _parse(lambda _: "skip"), types) as file:
            few = file.read_next_batch()
    except (
        pa.ArrowInvalid,
        StopIteration,
    ):  # longer rows, or none: whoever reads the whole says what is wrong
        return []
    return [name for name in few.schema.names if len(few[name].unique()) < SHARE * few.num_rows]


def _without_blank_rows(table: pa.Table, rows: Any, file: str) -> tuple[pa.Table, Any, list[str]]:
    """Rows without any value are no rows of data but what spreadsheets leave below and between them: they are
    left out, and counted in a note. To reject them would refuse a whole feed for the tail of its sheet."""
    # Those without a first value are looked at for a second, and so on: soon nobody is left.
    places = np.arange(table.num_rows)
    for name in table.column_names:
        empty = pc.equal(pc.binary_length(flat(table.column(name).take(pa.array(places)))), 0)
        places = places[empty.to_numpy(zero_copy_only=False)]
        if not len(places):
            return table, rows, []
    blank = np.zeros(table.num_rows, dtype=bool)
    blank[places] = True
    count, first = int(blank.sum()), int(rows[blank.argmax()])
    what = "row without any value was" if count == 1 else "rows without any value were"
    note = f"{file}: {count:,} {what} left out (the first is row {first})"
    return table.filter(pa.array(~blank)), rows[~blank], [note]


def _as_text(column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    if pa.types.is_dictionary(column.type):
        texts, bad = _as_text(column.dictionary)
        if bad:
            return _as_text(flat(column))
        return pa.DictionaryArray.from_arrays(column.indices, texts), {}
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
