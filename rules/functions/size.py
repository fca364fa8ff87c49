"""``len``: how many elements or characters."""

from __future__ import annotations

from rules.functions.form import ANY_LIST, Form, Function
from rules.kind import INTEGER, STRING

_CHARACTERS = {"duckdb": "length({0})"} | dict.fromkeys(
    ("bigquery", "postgres", "redshift", "spark"), "CHAR_LENGTH({0})"
)
_ELEMENTS = {
    "duckdb": "len({0})",
    "bigquery": "ARRAY_LENGTH({0})",
    "postgres": "CARDINALITY({0})",
    "redshift": "GET_ARRAY_LENGTH({0})",
    "snowflake": "ARRAY_SIZE({0})",
    "spark": "CASE WHEN {0} IS NOT NULL THEN SIZE({0}) END",
}

FUNCTIONS = (
    Function(
        "len",
        "How many elements a list has (missing ones count), or how many characters (code points) a text has.",
        (
            Form((STRING,), INTEGER, len, _CHARACTERS, low=0),
            Form((ANY_LIST,), INTEGER, len, _ELEMENTS, low=0),
        ),
    ),
)
