"""Finds profiles: by what somebody types, the next one, or one at random."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailwright.catalog import profile_schema
from mailwright.engine import Plan
from mailwright.errors import UsageError, did_you_mean

FOUND_AT_MOST = 20


@dataclass(frozen=True)
class Among:
    """Whom to look among: the recipients, of a segment or with a block in a slot where one is named."""

    segment: str | None = None
    slot: str | None = None
    block: str | None = None

    @property
    def text(self) -> str:
        """For the page: "in vip with hero/edition"."""
        parts = [f"in {self.segment}"] if self.segment else []
        if self.slot:
            parts.append(f"with {self.block or 'nothing'} in {self.slot}")
        return " ".join(parts)

    @property
    def query(self) -> dict[str, str]:
        named = {"segment": self.segment, "slot": self.slot, "block": self.block}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class Found:
    """One profile that matched; ``reason`` says why it gets no mail, and is empty for a recipient."""

    profile_id: str
    values: dict[str, Any]
    reason: str


def find(plan: Plan, typed: str, *, everyone: bool = False) -> list[Found]:
    """Profiles with every word of ``typed`` in their id, address or name; an exact id or address first.

    Only recipients, unless ``everyone`` is asked for.
    """
    words = typed.split()
    if not words:
        return []
    table = plan.everyone
    columns = searched(plan)
    hit: Any = None if everyone else pa.array(plan.admission.admitted)
    for word in words:
        matches: Any = None
        for name in columns:
            here = pc.fill_null(pc.match_substring(table[name], word, ignore_case=True), False)
            matches = here if matches is None else pc.or_(matches, here)
        hit = matches if hit is None else pc.and_(hit, matches)
    rows = np.flatnonzero(np.asarray(hit))[:FOUND_AT_MOST]
    exact = [row for row in _exact(table, typed) if everyone or plan.admission.admitted[row]]
    order = list(dict.fromkeys([*exact, *rows.tolist()]))[:FOUND_AT_MOST]
    shown = table.select(columns)
    return [
        Found(values["profile_id"], values, str(plan.admission.reasons[row]))
        for row in order
        for values in shown.slice(row, 1).to_pylist()
    ]


def searched(plan: Plan) -> list[str]:
    """The columns in which a person is looked for: the id, and every text that identifies somebody."""
    schema = profile_schema(plan.request.workspace.spec)
    direct = [name for name, spec in schema.items() if spec.pii == "direct" and spec.type == "string"]
    names = ["profile_id", *direct]
    return [name for name in dict.fromkeys(names) if name in plan.everyone.column_names]


def _exact(table: pa.Table, typed: str) -> list[int]:
    rows = [pc.index(table[name], typed.strip()).as_py() for name in ("profile_id", "email")]
    return [row for row in rows if row >= 0]


def step(plan: Plan, among: Among, after: str | None, *, back: bool = False) -> str | None:
    """The recipient after (or before) ``after`` in the order of ids, round and round; None: there is none."""
    ids = plan.recipients["profile_id"]
    rows = rows_among(plan, among)
    if not len(rows):
        return None
    if after is None:
        return str(ids[int(rows[0])])
    here = int(pc.sum(pc.less(ids, after)).as_py() or 0)  # ids are sorted: how many come before it
    if back:
        return str(ids[int(rows[np.searchsorted(rows, here) - 1])])
    there = pc.index(ids, after).as_py() >= 0
    place = int(np.searchsorted(rows, here, side="right" if there else "left"))
    return str(ids[int(rows[place % len(rows)])])


def some(plan: Plan, among: Among, seed: int | None = None) -> str | None:
    """A recipient at random."""
    rows = rows_among(plan, among)
    if not len(rows):
        return None
    return str(plan.recipients["profile_id"][int(random.Random(seed).choice(rows))])  # noqa: S311 no secret


def rows_among(plan: Plan, among: Among) -> npt.NDArray[np.int64]:
    """The rows of ``plan.recipients`` that ``among`` names, in order. Raises UsageError for a segment or a
    slot that there is not."""
    table = plan.recipients
    for kind, name in (("segment:", among.segment), ("slot:", among.slot)):
        known = [one.removeprefix(kind) for one in table.column_names if one.startswith(kind)]
        if name and name not in known:
            raise UsageError(f"there is no {kind[:-1]} {name!r}", fix=did_you_mean(name, known))
    mask = np.ones(table.num_rows, dtype=bool)
    if among.segment:
        mask &= table[f"segment:{among.segment}"].to_numpy().astype(bool)
    if among.slot:
        column = slot_column(table, among.slot)
        hit = (
            pc.is_null(column) if among.block is None else pc.fill_null(pc.equal(column, among.block), False)
        )
        mask &= hit.to_numpy().astype(bool)
    return np.flatnonzero(mask)


def slot_column(table: pa.Table, slot: str) -> pa.ChunkedArray:
    """The names of the blocks in a slot, NULL where it stays empty."""
    column = table[f"slot:{slot}"]
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
