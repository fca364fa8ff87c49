"""Where a source is and in which format: files of the workspace, queries of a database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from audience.database import read_query
from audience.raw import ColumnNames, Raw
from audience.segment_calls import read_calls
from audience.tabular import read_csv, read_jsonl, read_parquet
from mailwright.errors import DataError, did_you_mean
from mailwright.model.schema import Schema
from mailwright.model.workspace import DataSource


def read_source(root: Path, source: DataSource, schema: Schema, *, what: str) -> Raw:
    """The rows of one file of the workspace, or of one query.

    Raises ``DataError`` for a missing or unreadable file, a format that its name does not tell, and a
    column that the schema does not know or that two columns of the file claim.
    """
    names = ColumnNames(source, schema, what)
    if source.query is not None:
        return read_query(source, names)
    assert source.path is not None, "the model holds it"
    path = root / source.path
    if not path.is_file():
        near = did_you_mean(
            path.name, (p.name for p in path.parent.glob("*")) if path.parent.is_dir() else ()
        )
        raise DataError(
            f"data.{what}.path: there is no file {source.path}",
            fix=near or f"put the file there, or correct data.{what}.path in mailwright.yaml",
        )
    return _READERS[format_of(source, path)](path, names)


def format_of(source: DataSource, path: Path) -> str:
    """As stated, else by the file's ending. Raises ``DataError`` when neither says."""
    endings = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    kind = source.format or endings.get(path.suffix.lower())
    if kind is None:
        raise DataError(
            f"the ending of {source.path} does not say its format",
            fix="set format: csv, parquet, jsonl or segment",
        )
    return kind


_READERS: dict[str, Callable[[Path, ColumnNames], Raw]] = {
    "csv": read_csv,
    "parquet": read_parquet,
    "jsonl": read_jsonl,
    "segment": read_calls,
}
