"""Rules over a whole frame: one DuckDB query, event aggregates joined in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from mailwright.errors import DataError, did_you_mean
from mailwright.model.duck import locked_database
from rules.dialects import phrase, quote
from rules.interval import Interval
from rules.kind import Kind
from rules.sql import Writer, constant
from rules.tree import Attr, Events, Node, walk

if TYPE_CHECKING:
    from rules.rule import Rule

SEGMENT = "segment:"
"""A frame's column for membership in segment ``vip`` is ``segment:vip``."""

_ARROW = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def evaluate_rules(
    rules: Mapping[str, Rule],
    profiles: pa.Table,
    *,
    now: datetime,
    interactions: pa.Table | None = None,
) -> pa.Table:
    """A nullable boolean column per rule, rows as in ``profiles``; NULL where the rule is unknown.

    ``interactions`` has ``profile_id``, ``event``, ``at`` and the fields that the rules' conditions on events
    read (a field it lacks is missing in every event); None is a table without rows. Raises DataError when
    ``profiles`` lacks an attribute or ``segment:`` column that a rule reads, or has it in another type.
    """
    if not rules or not profiles.num_rows:
        return pa.table({name: pa.array([], pa.bool_()) for name in rules}) if rules else profiles.select([])
    return evaluate_trees({name: rule.tree for name, rule in rules.items()}, profiles, now, interactions)


def evaluate_trees(
    trees: Mapping[str, Node], profiles: pa.Table, now: datetime, interactions: pa.Table | None
) -> pa.Table:
    """The values of checked expressions of any kind, a column each; instants come without their zone, UTC."""
    return _Query(profiles, now, interactions).run(trees)


class _Query:
    """One evaluation: which columns are read, under which neutral names, and the query over them."""

    def __init__(self, profiles: pa.Table, now: datetime, interactions: pa.Table | None) -> None:
        self._now = now
        self._tables: dict[str, pa.Table | None] = {"p": profiles, "i": interactions}
        self._codes: dict[str, int] = {}
        """Event → the number that the query gives it, because numbers are compared faster than names."""
        self._columns: dict[tuple[str, str], tuple[str, pa.ChunkedArray]] = {}
        self._writer = Writer(
            dialect="duckdb",
            now=constant("duckdb", now, Kind("timestamp")),
            attribute=self._attribute,
            segment=lambda name: f"COALESCE({self._column('p', SEGMENT + name, Kind('boolean'))}, FALSE)",
            profile_id="p.profile_id",
            at="i.at",
            event=lambda name: f"i.code = {self._codes.setdefault(name, len(self._codes))}",
            cutoff=self._cutoff,
            aggregate=lambda column: f"e.{column}",
        )

    def _cutoff(self, window: Interval) -> str:
        begin = (-window).shift(self._now)
        return "TIMESTAMP '-infinity'" if begin is None else constant("duckdb", begin, Kind("timestamp"))

    def _attribute(self, node: Attr) -> str:
        side = "i" if node.of_event else "p"
        top, *rest = node.path
        table = self._tables[side]
        if side == "i" and (table is None or top not in table.column_names):
            return constant("duckdb", None, node.kind)
        text = self._column(side, top, None if rest else node.kind)
        kind: Any = self._columns[side, top][1].type
        for member in rest:
            if not pa.types.is_struct(kind) or kind.get_field_index(member) < 0:
                return constant("duckdb", None, node.kind)
            kind = kind.field(member).type
            text = f"struct_extract({text}, {quote('duckdb', member)})"
        if rest and node.kind.name in _ARROW:
            text = f"CAST({text} AS {phrase('duckdb', node.kind.name)})"
        return text

    def _column(self, side: str, name: str, kind: Kind | None) -> str:
        if (side, name) not in self._columns:
            table = self._tables[side]
            assert table is not None
            if name not in table.column_names:
                fix = did_you_mean(name, table.column_names)
                raise DataError(f"the frame has no column {name!r}, which a rule reads", fix=fix)
            alias = f"c{len(self._columns)}"
            self._columns[side, name] = (alias, _as_kind(table[name], name, kind))
        return f"{side}.{self._columns[side, name][0]}"

    def _table(self, side: str, *fixed: tuple[str, Kind]) -> pa.Table:
        columns = {alias: column for (of, _), (alias, column) in self._columns.items() if of == side}
        table = self._tables[side]
        assert table is not None
        for name, kind in fixed:
            if name not in table.column_names:
                what = "profiles" if side == "p" else "interactions"
                raise DataError(
                    f"the {what} have no column {name!r}", fix=did_you_mean(name, table.column_names)
                )
            columns[name] = _as_kind(table[name], name, kind)
        return pa.table(columns)

    def run(self, trees: Mapping[str, Node]) -> pa.Table:
        written = [self._writer.write(tree) for tree in trees.values()]
        selected = ", ".join(f"{text} AS r{n}" for n, text in enumerate(written))
        profiles = self._table("p", ("profile_id", Kind("string")))
        query = f"SELECT n, {selected} FROM p"  # noqa: S608 all names and literals are quoted above
        if self._writer.aggregates:
            events = self._aggregation(trees.values())
            query = f"WITH e AS ({events}) {query} LEFT JOIN e ON p.profile_id = e.profile_id"
        with locked_database() as database:
            database.register("p", profiles.append_column("n", pa.array(np.arange(profiles.num_rows))))
            if self._writer.aggregates:
                database.register("i", self._events())
            try:
                result = database.sql(query).to_arrow_table()
            except duckdb.Error as error:
                raise DataError(f"the rules could not be evaluated over the frame: {error}") from error
        found = result["n"].to_numpy()
        if np.any(found[1:] < found[:-1]):  # a join may deliver rows in another order
            result = result.take(pa.array(np.argsort(found)))
        return result.drop_columns(["n"]).rename_columns(list(trees))

    def _events(self) -> pa.Table:
        fixed = (("profile_id", Kind("string")), ("event", Kind("string")), ("at", Kind("timestamp")))
        if self._tables["i"] is None:
            self._tables["i"] = pa.table({name: pa.array([], _ARROW[kind.name]) for name, kind in fixed})
        return self._table("i", *fixed)

    def _aggregation(self, trees: Iterable[Node]) -> str:
        # What no aggregate looks at is left out before profiles are told apart.
        windows = {node.window for tree in trees for node in walk(tree) if isinstance(node, Events)}
        begins = [] if None in windows else [self._cutoff(window) for window in windows if window]
        since = f" AND i.at > least({', '.join(sorted(begins))})" if begins else ""
        columns = ", ".join(f"{text} AS {alias}" for text, alias in self._writer.aggregates.items())
        codes = "".join(f" WHEN {quote('duckdb', name)} THEN {code}" for name, code in self._codes.items())
        coded = f"SELECT *, CASE event{codes} END AS code FROM i WHERE i.at <= {self._writer.now}{since}"  # noqa: S608
        return f"SELECT profile_id, {columns} FROM ({coded}) AS i WHERE code IS NOT NULL GROUP BY 1"  # noqa: S608


def _as_kind(column: pa.ChunkedArray, name: str, kind: Kind | None) -> pa.ChunkedArray:
    """The column as DuckDB shall see it: of the declared type, instants as UTC without a zone."""
    wanted = _ARROW.get(kind.name) if kind is not None else None
    if wanted is None:
        return column
    try:
        if column.type != wanted:
            column = column.cast(wanted)
        return column.cast(pa.timestamp("us")) if pa.types.is_timestamp(wanted) else column
    except pa.ArrowException as error:
        raise DataError(f"column {name!r} holds {column.type}, and {kind} was declared: {error}") from error
