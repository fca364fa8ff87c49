"""``has``: whether a list holds a value."""

from __future__ import annotations

from typing import Any

from rules.functions.form import ANY_LIST, ELEMENT, Form, Function
from rules.kind import BOOLEAN


def _has(values: list[Any], value: Any) -> bool:
    return value in values


def _known(test: str) -> str:
    """False, where the warehouse's own test says NULL because an element is missing."""
    return f"CASE WHEN {{0}} IS NOT NULL AND {{1}} IS NOT NULL THEN COALESCE({test}, FALSE) END"


_SQL = {
    "duckdb": "list_contains({0}, {1})",
    "bigquery": _known("{1} IN UNNEST({0})"),
    "postgres": _known("{1} = ANY({0})"),
    "redshift": "",
    "snowflake": _known("ARRAY_CONTAINS(TO_VARIANT({1}), {0})"),
    "spark": _known("ARRAY_CONTAINS({0}, {1})"),
}
"""Redshift has no test of membership for SUPER values that could stand in a condition."""

FUNCTIONS = (
    Function(
        "has",
        "Whether a list holds a value: has(tags, 'golf'). Missing elements are equal to nothing.",
        (Form((ANY_LIST, ELEMENT), BOOLEAN, _has, _SQL),),
    ),
)
