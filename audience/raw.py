"""A source as it came: columns by attribute, nothing judged yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from mailwright.errors import DataError, did_you_mean
from mailwright.model.schema import Schema
from mailwright.model.workspace import DataSource


@dataclass
class Raw:
    """One source as read.

    ``columns`` holds, per attribute that the source has, an Arrow array of whatever type it came in, or a
    list of Python objects for lists and objects of JSON. ``rows`` is the number of each row as a spreadsheet
    shows it (the header of a CSV file is row 1). ``broken`` lists rows that are no rows: number, what, text.
    ``wrong`` says, per attribute and position, what made a value unreadable; the column has NULL there.
    """

    file: str
    columns: dict[str, pa.Array | list[Any]]
    rows: np.ndarray[Any, np.dtype[np.int64]]
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    wrong: dict[str, dict[int, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class ColumnNames:
    """Which attribute a column of the source is: renamed by ``columns``, left out where that says null."""

    def __init__(self, source: DataSource, schema: Schema, what: str) -> None:
        self.file = source.path or f"data.{what}.query"
        self.what = what
        self._renamed = source.columns
        self._schema = schema

    @property
    def attributes(self) -> Schema:
        return self._schema

    def renamed(self, column: str, otherwise: str) -> str | None:
        """What ``columns`` says of this name, else the other; None where it is to be left out."""
        return self._renamed.get(column, otherwise)

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
    # NaN of a float or a decimal is a missing value, and the only one that is unlike itself.
    flat = [None if value != value else value for value in flat]
    try:
        return pa.array(flat), wrong
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if v is None else _json_text(v) for v in flat], pa.string()), wrong


def _json_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
