"""Lower and upper case of one character at a time, the same in Python as in DuckDB."""

from __future__ import annotations

from functools import cache

import duckdb


def lower(text: str) -> str:
    """Each character in lower case by Unicode's simple mapping (one character stays one character)."""
    return text.lower() if text.isascii() else text.translate(_table("lower"))


def upper(text: str) -> str:
    """Each character in upper case by Unicode's simple mapping: ß stays ß."""
    return text.upper() if text.isascii() else text.translate(_table("upper"))


@cache
def _table(function: str) -> dict[int, str]:
    """What DuckDB makes of every character that changes: Python's own ``lower`` follows another edition of
    Unicode, and looks at neighbours (a final sigma)."""
    query = f"""
        SELECT i, {function}(chr(i::INTEGER)) AS changed FROM range(1, 1114112) AS r(i)
        WHERE i NOT BETWEEN 55296 AND 57343 AND changed <> chr(i::INTEGER)
    """  # noqa: S608 `function` is one of two constants
    with duckdb.connect() as database:
        return {int(code): str(changed) for code, changed in database.execute(query).fetchall()}
