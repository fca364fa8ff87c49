"""One source on its way into a table: typed columns, and which rows and values were left behind and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import arrow_type
from audience.coerce import LARGE, Typed, coerce
from audience.cores import each
from audience.order import flat, sorted_rows, times_there
from audience.raw import Raw
from audience.report import AudienceReport, Outcome, Problem, SourceReport, shown
from audience.sources import read_source
from mailwright.model.schema import Attribute, Schema
from mailwright.model.workspace import DataSource

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Incoming:
    """One source as it came, and its columns in the types of their attributes."""

    raw: Raw
    typed: dict[str, Typed]
    order: pa.Array | None = None
    """The places of its rows in the order that they will have, where that was found out before."""


def take_in(root: Path, source: DataSource, schema: Schema, *, what: str, code: bool = False) -> Incoming:
    """Read one source and bring its values into their types. Raises as ``read_source`` does.

    With ``code`` texts that repeat stay dictionaries.
    """
    raw = read_source(root, source, schema, what=what)
    return Incoming(raw, coerce(raw.columns, schema, code=code))


class Intake:
    """The rows of one source, checked against their schema; ``table()`` gives those that were kept.

    A row is rejected when a required attribute is missing or wrong, or any attribute of ``decisive`` is
    wrong; any other wrong value is set aside and the attribute is missing. A row is rejected once, for the
    first reason.
    """

    def __init__(
        self,
        source: str,
        incoming: Incoming,
        schema: Schema,
        report: AudienceReport,
        *,
        decisive: Collection[str] = (),
    ) -> None:
        raw, typed = incoming.raw, incoming.typed
        self._report = SourceReport(source, raw.file, read=len(raw.rows) + len(raw.broken))
        report.sources[source] = self._report
        self._problems = report.problems
        report.notes += raw.notes
        self._raw = raw
        self._schema = dict(schema)
        self._keep: Mask = np.ones(len(raw.rows), dtype=bool)
        for row, what, text in raw.broken:
            self._record(row, "", what, shown(text, "direct"), rejected=True)
        self.columns: dict[str, pa.Array] = {
            name: typed[name].values if name in typed else pa.nulls(len(raw.rows), arrow_type(attribute))
            for name, attribute in schema.items()
        }
        for name, column in typed.items():
            wrong = column.wrong | raw.wrong.get(name, {})
            if not wrong:
                raw.columns[name] = column.values  # the value as it came is not needed any more
            judge = self.reject if schema[name].required or name in decisive else self.note
            for position in sorted(wrong):
                judge(name, [position], wrong[position])
        for name, attribute in schema.items():
            if attribute.required:
                self.reject(name, self._where(self.columns[name].is_null()), "missing")

    def reject(self, name: str, positions: Iterable[int], what: str) -> None:
        """Leave these rows out, for what is wrong with this attribute."""
        for position in positions:
            if self._keep[position]:
                self._keep[position] = False
                self._note_value(position, name, what, rejected=True)

    def set_aside(self, name: str, positions: Iterable[int], what: str) -> None:
        """Keep these rows and make the attribute missing in them. Rows already rejected stay so, unlisted."""
        gone = self.note(name, positions, what)
        if gone:
            mask = np.zeros(len(self._keep), dtype=bool)
            mask[gone] = True
            self.columns[name] = _without(self.columns[name], mask)

    def note(self, name: str, positions: Iterable[int], what: str) -> list[int]:
        """Note values that are set aside, of the rows still kept; which rows those are."""
        gone = [position for position in positions if self._keep[position]]
        for position in gone:
            self._note_value(position, name, what, rejected=False)
        return gone

    def kept(self, condition: pa.Array) -> list[int]:
        """Positions of the rows still kept for which the condition holds."""
        return np.flatnonzero(condition.fill_null(False).to_numpy(zero_copy_only=False) & self._keep).tolist()

    def reject_duplicates(self, name: str) -> None:
        """Of kept rows with the same value only the last stays: in a file that grows it is the newest."""
        values = self.columns[name].filter(pa.array(self._keep))
        several = times_there(values) > 1
        last: dict[Any, int] = {}
        positions = np.flatnonzero(self._keep)[several]
        for position, value in zip(positions.tolist(), values.filter(several).to_pylist(), strict=True):
            if (earlier := last.get(value)) is not None:
                self.reject(name, [earlier], "duplicate, a later row has the same")
            last[value] = position

    def add(self, name: str, attribute: Attribute, column: pa.Array) -> None:
        """A column that was worked out from the others."""
        self._schema[name] = attribute
        self.columns[name] = column

    def table(self, order: list[str], *, found: pa.Array | None = None, code: bool = False) -> pa.Table:
        """The kept rows, sorted by these columns and then as they came; ``found`` is that order of all rows,
        where it is known. With ``code`` what is a dictionary stays one."""
        kept = pa.array(np.flatnonzero(self._keep))
        self._report.kept = len(kept)
        if found is None:
            rows = kept.take(sorted_rows([self.columns[name].take(kept) for name in order]))
        else:
            rows = found.filter(pa.array(self._keep[found.to_numpy()]))
        columns = [self.columns[name] for name in self._schema]

        def taken(column: pa.Array) -> pa.Array:
            return column.take(rows) if code else flat(column.take(rows))

        columns = each(taken, columns, large=len(rows) >= LARGE)
        return pa.table(columns, names=list(self._schema))

    def _where(self, condition: pa.Array) -> list[int]:
        return np.flatnonzero(condition.to_numpy(zero_copy_only=False)).tolist()

    def _note_value(self, position: int, name: str, what: str, *, rejected: bool) -> None:
        column = self._raw.columns.get(name)
        value = None if column is None else column[position]
        if isinstance(value, pa.Scalar):
            value = value.as_py()
        text = shown(value, self._schema[name].pii)
        self._record(int(self._raw.rows[position]), name, what, text, rejected=rejected)

    def _record(self, row: int, name: str, what: str, text: str, *, rejected: bool) -> None:
        counter = self._report.rejected if rejected else self._report.set_aside
        counter[f"{name}: {what}" if name else what] += 1
        outcome: Outcome = "row rejected" if rejected else "value set aside"
        self._problems.append(Problem(self._report.source, self._report.file, row, name, what, text, outcome))


def _without(column: pa.Array, mask: Mask) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(_without(column.indices, mask), column.dictionary)
    return pc.if_else(pa.array(mask), pa.scalar(None, column.type), column)


def with_defaults(table: pa.Table, schema: Schema) -> pa.Table:
    """The table with each attribute's default in place of NULL."""
    for position, name in enumerate(table.column_names):
        default = schema[name].default if name in schema else None
        column = table.column(position)
        if default is None or not column.null_count:
            continue
        if pa.types.is_nested(column.type):
            values = [default if value is None else value for value in column.to_pylist()]
            filled = pa.chunked_array([pa.array(values, column.type)])
        else:
            column = flat(column)
            filled = column.fill_null(pa.scalar(default, column.type))
        table = table.set_column(position, name, filled)
    return table
