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


FUNCTIONS = (
    _one("lower", "The text in lower case, character by character.", lower, {"duckdb": "lower({0})"}),
    _one(
        "upper", "The text in upper case, character by character (ß stays).", upper, {"duckdb": "upper({0})"}
    ),
    _one("trim", "The text without spaces at its ends.", _trim, {"duckdb": "trim({0}, ' ')"}),
    _test("contains", "Whether a text holds another.", _contains, {"duckdb": "contains({0}, {1})"}),
    _test("starts_with", "Whether a text begins so.", str.startswith, {"duckdb": "starts_with({0}, {1})"}),
    _test("ends_with", "Whether a text ends so.", str.endswith, {"duckdb": "ends_with({0}, {1})"}),
)
