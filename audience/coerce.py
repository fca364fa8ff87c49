"""From values as they came to values of the declared type; what does not fit is named, never guessed at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import TIMESTAMP, arrow_type, query
from audience.cores import each
from audience.distinct import Distinct, coded, distinct_values
from audience.raw import scalar_column
from audience.scalar_sql import CONTROL, IN_TIME_US, LONGEST_TEXT, NOT_A, missing, parse, problem
from audience.snapshot import bytes_of
from mailwright.model.schema import Attribute

Column: TypeAlias = pa.Array | list[Any]
"""A column as a source gives it: an Arrow array of any type, or Python objects."""


LARGE = 100_000
"""Rows from which columns are worked on beside each other."""


@dataclass
class Typed:
    """A column of the declared type, and by position what was wrong with the values that are NULL for it."""

    values: pa.Array
    wrong: dict[int, str]


def coerce(
    columns: Mapping[str, Column], schema: Mapping[str, Attribute], *, code: bool = False
) -> dict[str, Typed]:
    """Every column in the type of its attribute, the checks of the attribute applied; with ``code`` texts
    that repeat are dictionaries.

    An empty text and NaN are missing. A value that is not of the type, not among ``allowed``, outside
    ``min``/``max``, or a text with control characters is wrong and becomes missing. In a list one wrong
    element makes the list wrong; in an object only the member is.
    """
    arrays = {name: column for name, column in columns.items() if isinstance(column, pa.Array)}
    large = max(map(len, arrays.values()), default=0) >= LARGE
    found = dict(zip(arrays, each(distinct_values, arrays.values(), large=large), strict=True))
    scalars = {name: one for name, one in found.items() if _is_scalar(schema[name])}
    came = {name: _as_it_came(one.values, schema[name]) for name, one in scalars.items()}
    done = {name: Typed(values, {}) for name, values in came.items() if values is not None}
    for places in (True, False):
        group = {
            name: one.values
            for name, one in scalars.items()
            if name not in done and (one.places is None) is places
        }
        done |= _coerce_scalars(group, schema)
    for name, column in columns.items():
        if name not in done:
            done[name] = _coerce_nested(found[name].values if name in found else column, schema[name])
    spread = each(lambda name: _spread(done[name], found.get(name), code), columns, large=large)
    return dict(zip(columns, spread, strict=True))


def _as_it_came(column: pa.Array, attribute: Attribute) -> pa.Array | None:
    """A column that came in its declared type with nothing wrong in it, as most large ones do; None: a query
    must say what is, which takes ten times as long as looking over the whole."""
    if column.type != arrow_type(attribute) or attribute.allowed is not None:
        return None
    if pa.types.is_string(column.type):
        return _clean_texts(column)
    return column if _within(column, attribute.min, attribute.max) else None


def _clean_texts(column: pa.Array) -> pa.Array | None:
    length = pc.binary_length(column)
    shortest, longest = (value.as_py() or 0 for value in pc.min_max(length).values())
    if longest > LONGEST_TEXT or _CONTROL[np.frombuffer(bytes_of(column), np.uint8)].any():
        return None
    return column if shortest else pc.if_else(pc.equal(length, 0), None, column)


def _within(column: pa.Array, least: Any, most: Any) -> bool:
    """Whether all of a column's numbers or instants can be, and lie within these bounds."""
    if column.type == TIMESTAMP and least is None and most is None:
        column, (least, most) = column.cast(pa.int64()), IN_TIME_US
    elif column.type not in (pa.int64(), pa.float64()) or pc.all(pc.is_finite(column)).as_py() is False:
        return False
    low, high = (value.as_py() for value in pc.min_max(column).values())
    return low is None or not ((least is not None and low < least) or (most is not None and high > most))


_CONTROL = np.array([bool(re.match(CONTROL, chr(byte))) for byte in range(128)] + [False] * 128)
"""By byte of UTF-8."""


def _spread(typed: Typed, found: Distinct | None, code: bool) -> Typed:
    """What came of the different values, for every row again."""
    if found is None or found.places is None:
        return typed
    if code and pa.types.is_string(typed.values.type):
        values = coded(typed.values, found.places)
    else:
        values = typed.values.take(found.places)
    if not typed.wrong:
        return Typed(values, {})
    told = pa.array([typed.wrong.get(i) for i in range(len(typed.values))], pa.string()).take(found.places)
    return Typed(values, _told(told))


def _told(problems: pa.Array) -> dict[int, str]:
    """Position → problem, of those that have one."""
    there = pc.is_valid(problems)
    where = pc.indices_nonzero(there).to_pylist()
    return dict(zip(where, problems.filter(there).to_pylist(), strict=True))


def _is_scalar(attribute: Attribute) -> bool:
    return attribute.type not in ("list", "object")


def _coerce_scalars(columns: Mapping[str, pa.Array], schema: Mapping[str, Attribute]) -> dict[str, Typed]:
    if not columns:
        return {}
    params: dict[str, Any] = {}
    inner, outer = [], []
    for i, (name, array) in enumerate(columns.items()):
        attribute = schema[name]
        x = f"c{i}"
        inner.append(f"{missing(array.type, x)} AS m{i}, {parse(array.type, attribute, x)} AS v{i}")
        outer.append(f"v{i}, {problem(attribute, i, params)} AS p{i}")
    rows = max(len(array) for array in columns.values())
    raw = pa.table({f"c{i}": _longer(array, rows) for i, array in enumerate(columns.values())})
    raw = raw.append_column("n", pa.array(np.arange(rows)))
    sql = f"SELECT n, {', '.join(outer)} FROM (SELECT n, {', '.join(inner)} FROM raw)"  # noqa: S608 no name of a user
    result = _in_order(query(sql, params, raw=raw))
    return {
        name: _typed(result.slice(0, len(array)), i, schema[name])
        for i, (name, array) in enumerate(columns.items())
    }


def _in_order(result: pa.Table) -> pa.Table:
    """The rows by their number ``n``: threads that share a query may deliver them in another order."""
    found = result.column("n").to_numpy()
    return result.take(pa.array(np.argsort(found))) if (found[1:] < found[:-1]).any() else result


def _longer(array: pa.Array, rows: int) -> pa.Array:
    """The array with NULLs at its end; of those nothing is wrong."""
    short = rows - len(array)
    return pa.concat_arrays([array, pa.nulls(short, array.type)]) if short else array


def _typed(result: pa.Table, i: int, attribute: Attribute) -> Typed:
    values = result.column(f"v{i}").combine_chunks().cast(arrow_type(attribute))
    problems = result.column(f"p{i}").combine_chunks()
    if problems.null_count == len(problems):
        return Typed(values, {})
    return Typed(pc.if_else(pc.is_valid(problems), None, values), _told(problems))


def _coerce_nested(column: Column, attribute: Attribute) -> Typed:
    kind = arrow_type(attribute)
    if isinstance(column, pa.Array):
        wrong: dict[int, str] = {}
        values = [_of_text(v, attribute, i, wrong) for i, v in enumerate(column.to_pylist())]
    elif _is_scalar(attribute):
        array, wrong = scalar_column(column, attribute.type)
        typed = _coerce_scalars({"x": array}, {"x": attribute})["x"]
        return Typed(typed.values, typed.wrong | wrong)
    else:
        values, wrong = column, {}
    shape = list if attribute.type == "list" else dict
    for i, value in enumerate(values):
        if value is not None and not isinstance(value, shape):
            wrong[i] = NOT_A[attribute.type]
    whole = [None if i in wrong else value for i, value in enumerate(values)]
    built = _lists(whole, attribute) if shape is list else _objects(whole, attribute)
    return Typed(built.values.cast(kind), built.wrong | wrong)


def _of_text(value: Any, attribute: Attribute, i: int, wrong: dict[int, str]) -> Any:
    """A list or object written in one field of a table: JSON, or for lists of scalars ``a;b;c``."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    if text[0] in "[{":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            wrong[i] = "not JSON"
            return None
    return [part.strip() for part in text.split(";")] if attribute.type == "list" else value


def _lists(values: list[list[Any] | None], attribute: Attribute) -> Typed:
    assert attribute.items is not None
    flat, owners = [], []
    for i, value in enumerate(values):
        for element in value or ():
            if element is not None and element != "":
                flat.append(element)
                owners.append(i)
    typed = coerce({"x": flat}, {"x": attribute.items})["x"]
    wrong = {owners[at]: f"an element is {what}" for at, what in typed.wrong.items()}
    kept: list[list[Any] | None] = [None if v is None or i in wrong else [] for i, v in enumerate(values)]
    for owner, element in zip(owners, typed.values.to_pylist(), strict=True):
        if (into := kept[owner]) is not None:
            into.append(element)
    return Typed(pa.array(kept, arrow_type(attribute)), wrong)


def _objects(values: list[dict[str, Any] | None], attribute: Attribute) -> Typed:
    assert attribute.fields is not None
    members = {name: [None if v is None else v.get(name) for v in values] for name in attribute.fields}
    typed = coerce(members, attribute.fields)
    wrong = {i: f"its {name} is {what}" for name, t in typed.items() for i, what in t.wrong.items()}
    for i, value in enumerate(values):
        for name in sorted((value or {}).keys() - attribute.fields.keys())[:1]:
            wrong.setdefault(i, f"it has an unknown member {name!r}")
    mask = pa.array([value is None for value in values], pa.bool_())
    built = pa.StructArray.from_arrays([t.values for t in typed.values()], names=list(typed), mask=mask)
    return Typed(built, wrong)
