"""``has``: whether a list holds a value."""

from __future__ import annotations

from typing import Any

from rules.functions.form import ANY_LIST, ELEMENT, Form, Function
from rules.kind import BOOLEAN


def _has(values: list[Any], value: Any) -> bool:
    return value in values


FUNCTIONS = (
    Function(
        "has",
        "Whether a list holds a value: has(tags, 'golf'). Missing elements are equal to nothing.",
        (Form((ANY_LIST, ELEMENT), BOOLEAN, _has, {"duckdb": "list_contains({0}, {1})"}),),
    ),
)
