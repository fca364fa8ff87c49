"""How each SQL dialect says what rules say: data, not code.

``{0}``, ``{1}`` … are operands, already in parentheses or atomic. What a dialect's table does not hold is
sqlglot's translation of the DuckDB entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sqlglot import exp

DUCKDB: Mapping[str, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "literal_date": "DATE {0}",
    "literal_timestamp": "TIMESTAMP {0}",
    "known_number": "NULLIF({0}, 'nan'::DOUBLE)",
    "to_number": "CAST({0} AS DOUBLE)",
    "to_timestamp": "CAST({0} AS TIMESTAMP)",
    "integer +": "TRY_CAST(CAST({0} AS HUGEINT) + {1} AS BIGINT)",
    "integer -": "TRY_CAST(CAST({0} AS HUGEINT) - {1} AS BIGINT)",
    "integer *": "TRY_CAST(CAST({0} AS HUGEINT) * {1} AS BIGINT)",
    "integer %": "TRY_CAST(CAST({0} AS HUGEINT) % NULLIF({1}, 0) AS BIGINT)",
    "number +": "({0} + {1})",
    "number -": "({0} - {1})",
    "number *": "({0} * {1})",
    "number /": "({0} / NULLIF({1}, 0e0))",
    "number %": "({0} % NULLIF({1}, 0e0))",
    "finite": "CASE WHEN isfinite({0}) THEN {0} END",
    "finite_long": "list_filter([{0}], lambda v: isfinite(v))[1]",
    "shift": "CASE WHEN {0} + {1} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
    " THEN {0} + {1} END",
    "interval": "(to_months({0}) + to_microseconds({1}))",
    "lower": "lower({0})",
    "bucket": "CAST(('0x' || substr(sha256({salt} || chr(31) || {id}), 1, 16))::UBIGINT >> 11 AS DOUBLE)"
    " / 9007199254740992e0",
    "count": "count(CASE WHEN {where} THEN 1 END)",
    "last": "max(CASE WHEN {where} THEN {at} END)",
    "sum integer": "sum(CASE WHEN {where} THEN {0} END)",
    "sum number": "sum(CASE WHEN {where} THEN TRY_CAST({0} * 1e6 AS BIGINT) END)",
    "total integer": "TRY_CAST(COALESCE({0}, 0) AS BIGINT)",
    "total number": "(CAST(TRY_CAST(COALESCE({0}, 0) AS BIGINT) AS DOUBLE) / 1e6)",
    "total count": "COALESCE({0}, 0)",
    "total last": "{0}",
}

TABLES: dict[str, Mapping[str, str]] = {"duckdb": DUCKDB}


@cache
def phrase(dialect: str, key: str) -> str:
    """The template for ``key`` in ``dialect``."""
    table = TABLES[dialect]
    return table[key] if key in table else translate(DUCKDB[key], dialect)


@cache
def translate(template: str, dialect: str) -> str:
    """A DuckDB template in another dialect, by sqlglot."""
    if dialect == "duckdb":
        return template
    return template


@cache
def quote(dialect: str, text: str) -> str:
    """A text literal."""
    if dialect == "duckdb":
        return "'" + text.replace("'", "''") + "'"
    return str(exp.Literal.string(text).sql(dialect=dialect))


def name(dialect: str, identifier: str) -> str:
    """A quoted identifier."""
    return str(exp.to_identifier(identifier, quoted=True).sql(dialect=dialect))
