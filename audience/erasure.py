"""Taking the rows of some people out of a file, and leaving every other byte of it as it was."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet

from audience.files import replace_files
from audience.segment_calls import callers_of


def erase_rows(path: Path, kind: str, column: str, ids: Collection[str]) -> int:
    """Rewrite the file without the rows whose ``column`` is one of the ids; how many rows went.

    The file is replaced in one step. In text files a row that is torn goes too when an id stands in it.
    """
    if kind == "parquet":
        return _erase_parquet(path, column, ids)
    lines = list(_csv_records(path, column, ids) if kind == "csv" else _json_lines(path, kind, column, ids))
    gone = sum(belongs for _, belongs in lines)
    if gone:
        replace_files(path.parent, {path.name: b"".join(text for text, belongs in lines if not belongs)})
    return gone


def _csv_records(path: Path, column: str, ids: Collection[str]) -> Iterator[tuple[bytes, bool]]:
    """Every record with its very bytes; a record may be several lines long."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        # Latin-1 keeps every byte as one character, whatever the file is written in.
        with io.TextIOWrapper(path.open("rb"), encoding="latin-1", newline="") as file:
            for line in file:
                taken.append(line)
                yield line

    place, width = -1, 0
    for number, record in enumerate(csv.reader(lines())):
        text = "".join(taken).encode("latin-1")
        taken.clear()
        fields = [field.encode("latin-1").decode("utf-8-sig", errors="replace").strip() for field in record]
        if number == 0:
            place, width = fields.index(column), len(fields)
            yield text, False
        elif len(fields) == width:
            yield text, fields[place] in ids
        else:
            yield text, stands_in(ids, text.decode(errors="replace"))


def _json_lines(path: Path, kind: str, column: str, ids: Collection[str]) -> Iterator[tuple[bytes, bool]]:
    names = ("userId", "anonymousId", "previousId") if kind == "segment" else (column,)
    callers = callers_of(path) if kind == "segment" else {}
    with path.open("rb") as file:
        for row, line in enumerate(file, 1):
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                yield line, stands_in(ids, line.decode(errors="replace"))
                continue
            told = value if isinstance(value, dict) else {}
            yield line, callers.get(row) in ids or any(plain_id(told.get(name)) in ids for name in names)


def _erase_parquet(path: Path, column: str, ids: Collection[str]) -> int:
    table = pa.parquet.read_table(path)
    keep = [plain_id(value) not in ids for value in table.column(column).to_pylist()]
    left = table.filter(pa.array(keep, pa.bool_()))
    if left.num_rows < table.num_rows:
        sink = io.BytesIO()
        pa.parquet.write_table(left, sink, compression="zstd")
        replace_files(path.parent, {path.name: sink.getvalue()})
    return int(table.num_rows - left.num_rows)


def stands_in(ids: Collection[str], text: str) -> bool:
    """Whether one of the ids stands in a torn row, as a word of its own."""
    return any(re.search(rf"(?<![\w-]){re.escape(known)}(?![\w-])", text) for known in ids)


def plain_id(value: Any) -> str:
    """An id as text, however the source holds it: 17850.0 is 17850."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()
