"""How each SQL dialect says what rules say: data, not code.

``{0}``, ``{1}`` … are operands, already in parentheses or atomic. What a dialect's table does not hold is
sqlglot's translation of the DuckDB entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import sqlglot
from sqlglot import exp

from rules.warehouses import BIGQUERY, POSTGRES, REDSHIFT, SNOWFLAKE, SPARK

DUCKDB: Mapping[str, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "list": "[{0}]",
    "utc": "",
    "literal_date": "CAST({0} AS DATE)",
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
    "add_months": "({0} + to_months({1}))",
    "add_seconds": "({0} + to_seconds({1}))",
    "in_years": "CASE WHEN {0} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
    " THEN {0} END",
    "member": "struct_extract({0}, {1})",
    "text_order": "{0}",
    "lower": "lower({0})",
    "like_escape": "'!'",
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

TABLES: Mapping[str, Mapping[str, str]] = {
    "bigquery": BIGQUERY,
    "duckdb": DUCKDB,
    "postgres": POSTGRES,
    "redshift": REDSHIFT,
    "snowflake": SNOWFLAKE,
    "spark": SPARK,
}
DIALECTS = tuple(name for name in TABLES if name != "duckdb")
"""The warehouses that ``Rule.sql`` writes for."""


@cache
def phrase(dialect: str, key: str) -> str:
    """The template for ``key`` in ``dialect``."""
    table = TABLES[dialect]
    return table[key] if key in table else translate(DUCKDB[key], dialect)


@cache
def translate(template: str, dialect: str) -> str:
    """A DuckDB template in another dialect, by sqlglot."""
    if dialect == "duckdb" or not re.search(r"\w", template):
        return template
    marked = re.sub(r"\{(\w+)\}", r"__\1__", template)
    (translated,) = sqlglot.transpile(marked, read="duckdb", write=dialect)
    return re.sub(r"__(\w+?)__", r"{\1}", translated)


@cache
def quote(dialect: str, text: str) -> str:
    """A text literal."""
    return str(exp.Literal.string(text).sql(dialect=dialect))
