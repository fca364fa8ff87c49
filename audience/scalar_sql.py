"""SQL that turns a column of any type into one of a declared type, strictly, and says what was wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mailwright.model.schema import Attribute

LONGEST_TEXT = 20_000
"""Characters. A longer text is no attribute of a person or an item; it would go into a mail's heart."""


def plain(array: pa.Array) -> pa.Array:
    """The array without dictionary encoding, and texts without the blanks around them."""
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    return pc.utf8_trim(array, _SPACE) if _is_text(array.type) else array


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_fraction(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind))


def missing(kind: pa.DataType, x: str) -> str:
    """SQL for whether column ``x`` of this type, made ``plain``, says nothing: NULL, NaN or blank."""
    if _is_text(kind):
        return f"({x} IS NULL OR {x} = '')"
    if _is_fraction(kind):
        return f"({x} IS NULL OR isnan({x}))"
    return f"{x} IS NULL"


def parse(kind: pa.DataType, attribute: Attribute, x: str) -> str:
    """SQL for the value of column ``x``, made ``plain``, in the attribute's type, NULL where it has none."""
    target = attribute.type
    if _is_text(kind):
        return _FROM_TEXT[target].format(t=f"nullif({x}, '')")
    for matches, forms in _FROM_TYPED:
        if matches(kind) and target in forms:
            return forms[target].format(x=x)
    return f"CAST(NULL AS {_SQL_TYPES[target]})"


def problem(attribute: Attribute, i: int, params: dict[str, Any]) -> str:
    """SQL for what is wrong with the value ``v{i}`` (``m{i}``: it is missing), NULL when nothing is.

    Bounds and allowed values go into ``params``.
    """
    value = f"v{i}"
    cases = [f"WHEN m{i} THEN NULL", f"WHEN {value} IS NULL THEN '{NOT_A[attribute.type]}'"]
    if attribute.type == "string":
        cases.append(f"WHEN regexp_matches({value}, '{CONTROL}') THEN 'control characters'")
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


_SPACE = " \t\n\f\r\u00a0\ufeff"
CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}

NOT_A = {
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
    "AND NOT starts_with({t}, '9999-12-3') THEN TRY_CAST({t} AS TIMESTAMPTZ) END",
}
_INSTANT = "TRY_CAST({x} AS TIMESTAMPTZ)"
# A day within what a calendar can hold, so that the instant has a date in every time zone.
_IN_TIME = (
    f"CASE WHEN {_INSTANT} BETWEEN TIMESTAMPTZ '0001-01-02' AND TIMESTAMPTZ '9999-12-30' THEN {_INSTANT} END"
)
IN_TIME_US = tuple(
    (datetime(*day) - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    for day in ((1, 1, 2), (9999, 12, 30))
)
"""The same two days in microseconds since 1970."""
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
