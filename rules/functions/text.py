"""Functions of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rules.folding import lower, upper
from rules.functions.form import Form, Function
from rules.kind import BOOLEAN, STRING


def _trim(text: str) -> str:
    return text.strip(" ")


def _contains(text: str, part: str) -> bool:
    return part in text


def _one(name: str, summary: str, compute: Callable[..., Any], sql: dict[str, str]) -> Function:
    return Function(name, summary, (Form((STRING,), STRING, compute, sql),))


def _test(name: str, summary: str, compute: Callable[..., Any], sql: dict[str, str]) -> Function:
    return Function(name, summary, (Form((STRING, STRING), BOOLEAN, compute, sql),))


_PLACE = "STRPOS({0}, {1}) > 0"
_TRIM = {
    "duckdb": "trim({0}, ' ')",
    "bigquery": "TRIM({0}, ' ')",
    "postgres": "BTRIM({0}, ' ')",
    "redshift": "BTRIM({0}, ' ')",
    "snowflake": "TRIM({0}, ' ')",
    "spark": "TRIM(BOTH ' ' FROM {0})",
}
_CONTAINS = {
    "duckdb": "contains({0}, {1})",
    "bigquery": _PLACE,
    "postgres": _PLACE,
    "redshift": _PLACE,
    "snowflake": "CONTAINS({0}, {1})",
    "spark": "CONTAINS({0}, {1})",
}
_STARTS = {
    "duckdb": "starts_with({0}, {1})",
    "postgres": "STARTS_WITH({0}, {1})",
    "redshift": "LEFT({0}, CHAR_LENGTH({1})) = {1}",
    "snowflake": "STARTSWITH({0}, {1})",
    "spark": "STARTSWITH({0}, {1})",
}
_ENDS = {
    "duckdb": "ends_with({0}, {1})",
    "bigquery": "ENDS_WITH({0}, {1})",
    "postgres": "RIGHT({0}, CHAR_LENGTH({1})) = {1}",
    "redshift": "RIGHT({0}, CHAR_LENGTH({1})) = {1}",
    "snowflake": "ENDSWITH({0}, {1})",
    "spark": "ENDSWITH({0}, {1})",
}

FUNCTIONS = (
    _one("lower", "The text in lower case, character by character.", lower, {"duckdb": "lower({0})"}),
    _one(
        "upper", "The text in upper case, character by character (ß stays).", upper, {"duckdb": "upper({0})"}
    ),
    _one("trim", "The text without spaces at its ends.", _trim, _TRIM),
    _test("contains", "Whether a text holds another.", _contains, _CONTAINS),
    _test("starts_with", "Whether a text begins so.", str.startswith, _STARTS),
    _test("ends_with", "Whether a text ends so.", str.endswith, _ENDS),
)
