"""``len``: how many elements or characters."""

from __future__ import annotations

from rules.functions.form import ANY_LIST, Form, Function
from rules.kind import INTEGER, STRING

FUNCTIONS = (
    Function(
        "len",
        "How many elements a list has (missing ones count), or how many characters (code points) a text has.",
        (
            Form((STRING,), INTEGER, len, {"duckdb": "length({0})"}),
            Form((ANY_LIST,), INTEGER, len, {"duckdb": "len({0})"}),
        ),
    ),
)
