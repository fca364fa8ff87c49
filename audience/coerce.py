"""From values as they came to values of the declared type; what does not fit is named, never guessed at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import arrow_type, query
from audience.raw import scalar_column
from mailwright.model.schema import Attribute

LONGEST_TEXT = 20_000
"""Characters. A longer text is no attribute of a person or an item; it would go into a mail's heart."""

Column: TypeAlias = pa.Array | list[Any]
"""A column as a source gives it: an Arrow array of any type, or Python objects."""


@dataclass
class Typed:
    """A column of the declared type, and by position what was wrong with the values that are NULL for it."""

    values: pa.Array
    wrong: dict[int, str]


def coerce(columns: Mapping[str, Column], schema: Mapping[str, Attribute]) -> dict[str, Typed]:
    """Every column in the type of its attribute, the checks of the attribute applied.

    An empty text and NaN are missing. A value that is not of the type, not among ``allowed``, outside
    ``min``/``max``, or a text with control characters is wrong and becomes missing. In a list one wrong
    element makes the list wrong; in an object only the member is.
    """
    scalars = {name: c for name, c in columns.items() if isinstance(c, pa.Array) and _is_scalar(schema[name])}
    done = _coerce_scalars(scalars, schema)
    for name, column in columns.items():
        if name not in done:
            done[name] = _coerce_nested(column, schema[name])
    return {name: done[name] for name in columns}


def _is_scalar(attribute: Attribute) -> bool:
    return attribute.type not in ("list", "object")


# --- scalars: one DuckDB query for all of them --------------------------------------------------------


def _coerce_scalars(columns: Mapping[str, pa.Array], schema: Mapping[str, Attribute]) -> dict[str, Typed]:
    if not columns:
        return {}
    params: dict[str, Any] = {}
    inner, outer = [], []
    for i, (name, array) in enumerate(columns.items()):
        attribute = schema[name]
        x = f"c{i}"
        inner.append(f"{_missing(array.type, x)} AS m{i}, {_parse(array.type, attribute, x)} AS v{i}")
        outer.append(f"v{i}, {_problem(attribute, i, params)} AS p{i}")
    raw = pa.table({f"c{i}": _plain(array) for i, array in enumerate(columns.values())})
    sql = f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM raw)"  # noqa: S608 no name of a user
    result = query(sql, params, raw=raw)
    return {name: _typed(result, i, schema[name]) for i, name in enumerate(columns)}


def _typed(result: pa.Table, i: int, attribute: Attribute) -> Typed:
    values = result.column(f"v{i}").combine_chunks().cast(arrow_type(attribute))
    problems = result.column(f"p{i}").combine_chunks()
    if problems.null_count == len(problems):
        return Typed(values, {})
    wrong = pc.is_valid(problems)
    where = pc.indices_nonzero(wrong).to_pylist()
    texts = problems.filter(wrong).to_pylist()
    return Typed(pc.if_else(wrong, None, values), dict(zip(where, texts, strict=True)))


def _plain(array: pa.Array) -> pa.Array:
    return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_fraction(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind))


def _missing(kind: pa.DataType, x: str) -> str:
    if _is_text(kind):
        return f"({_trimmed(x)}) IS NULL"
    if _is_fraction(kind):
        return f"({x} IS NULL OR isnan({x}))"
    return f"{x} IS NULL"


def _trimmed(x: str) -> str:
    return f"nullif(regexp_replace({x}, '^{_SPACE}+|{_SPACE}+$', '', 'g'), '')"


def _parse(kind: pa.DataType, attribute: Attribute, x: str) -> str:
    """SQL for the value of column ``x`` in the attribute's type, NULL where it has none."""
    target = attribute.type
    if _is_text(kind):
        return _FROM_TEXT[target].format(t=f"({_trimmed(x)})")
    for matches, forms in _FROM_TYPED:
        if matches(kind) and target in forms:
            return forms[target].format(x=x)
    return f"CAST(NULL AS {_SQL_TYPES[target]})"


def _problem(attribute: Attribute, i: int, params: dict[str, Any]) -> str:
    value = f"v{i}"
    cases = [f"WHEN m{i} THEN NULL", f"WHEN {value} IS NULL THEN '{_NOT_A[attribute.type]}'"]
    if attribute.type == "string":
        cases.append(f"WHEN regexp_matches({value}, '{_CONTROL}') THEN 'control characters'")
        cases.append(f"WHEN length({value}) > {LONGEST_TEXT} THEN 'longer than {LONGEST_TEXT} characters'")
    for bound, sign, word in ((attribute.min, "<", "below"), (attribute.max, ">", "above")):
        if bound is not None:
            key = f"{word}{i}"
            params[key] = bound
            params[f"{key}_text"] = f"{word} {bound:g}" if isinstance(bound, float) else f"{word} {bound}"
            cases.append(f"WHEN {value} {sign} ${key} THEN ${key}_text")
    if attribute.allowed is not None:
        params[f"allowed{i}"] = list(attribute.allowed)
        params[f"allowed{i}_text"] = "not one of " + ", ".join(map(str, attribute.allowed))
        cases.append(f"WHEN NOT list_contains($allowed{i}, {value}) THEN $allowed{i}_text")
    return "CASE " + " ".join(cases) + " END"


_SPACE = r"[\s\x{00a0}\x{feff}]"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}

_NOT_A = {
    "string": "not a text",
    "integer": "not a whole number",
    "number": "not a number",
    "boolean": "not true or false",
    "date": "not a date (2026-11-20)",
    "timestamp": "not a time (2026-11-20T09:00:00Z)",
    "list": "not a list",
    "object": "not an object",
}

# DuckDB's own casts are too kind: 12.5 would become 13, 1_000 and 0x10 numbers, a year 0 a date.
_DATE = r"[1-9]\d{{3}}-\d{{2}}-\d{{2}}"
_TIME = r"[T ]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?"
_ZONE = r" ?(Z|z|[+-]\d{{2}}(:?\d{{2}})?)"
_FROM_TEXT = {
    "string": "{t}",
    "integer": r"CASE WHEN regexp_full_match({t}, '[+-]?\d{{1,19}}(\.0+)?') "
    "THEN TRY_CAST(split_part({t}, '.', 1) AS BIGINT) END",
    "number": r"CASE WHEN regexp_full_match({t}, '[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?') "
    "AND isfinite(TRY_CAST({t} AS DOUBLE)) THEN TRY_CAST({t} AS DOUBLE) END",
    "boolean": "CASE lower({t}) WHEN 'true' THEN true WHEN 'false' THEN false WHEN '1' THEN true "
    "WHEN '0' THEN false WHEN 'yes' THEN true WHEN 'no' THEN false END",
    "date": rf"CASE WHEN regexp_full_match({{t}}, '{_DATE}') THEN TRY_CAST({{t}} AS DATE) END",
    "timestamp": rf"CASE WHEN regexp_full_match({{t}}, '{_DATE}({_TIME}({_ZONE})?)?') "
    "THEN TRY_CAST({t} AS TIMESTAMPTZ) END",
}
_INSTANT = "TRY_CAST({x} AS TIMESTAMPTZ)"
_IN_TIME = (
    f"CASE WHEN {_INSTANT} BETWEEN TIMESTAMPTZ '0001-01-01' AND TIMESTAMPTZ '9999-12-31' THEN {_INSTANT} END"
)
_FROM_TYPED = (
    (
        pa.types.is_integer,
        {
            "string": "CAST({x} AS VARCHAR)",
            "integer": "TRY_CAST({x} AS BIGINT)",
            "number": "CAST({x} AS DOUBLE)",
            "boolean": "CASE {x} WHEN 0 THEN false WHEN 1 THEN true END",
        },
    ),
    (
        lambda kind: pa.types.is_floating(kind) or pa.types.is_decimal(kind),
        {
            # Identifiers that passed through pandas arrive as 17850.0.
            "string": "CASE WHEN {x} = trunc({x}) AND abs({x}) < 1e15 "
            "THEN CAST(CAST({x} AS BIGINT) AS VARCHAR) ELSE CAST({x} AS VARCHAR) END",
            "integer": "CASE WHEN {x} = trunc({x}) THEN TRY_CAST({x} AS BIGINT) END",
            "number": "CASE WHEN isfinite(CAST({x} AS DOUBLE)) THEN CAST({x} AS DOUBLE) END",
        },
    ),
    (pa.types.is_boolean, {"boolean": "{x}"}),
    (
        pa.types.is_date,
        {
            "date": f"CAST({_IN_TIME} AS DATE)",
            "timestamp": _IN_TIME,
            "string": "CAST({x} AS VARCHAR)",
        },
    ),
    (
        pa.types.is_timestamp,
        {"timestamp": _IN_TIME, "date": f"CAST({_IN_TIME} AS DATE)"},
    ),
)


# --- lists and objects: Python objects, their leaves coerced as columns -------------------------------


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
            wrong[i] = _NOT_A[attribute.type]
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
    mask = pa.array([value is None for value in values])
    built = pa.StructArray.from_arrays([t.values for t in typed.values()], names=list(typed), mask=mask)
    return Typed(built, wrong)
