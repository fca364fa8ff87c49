"""The dialects of warehouses, where sqlglot's translation of the DuckDB template would not mean the same.

Instants are columns of the type that counts in UTC; sessions are expected to have UTC as their time zone.
Integer overflow is NULL in BigQuery and Spark and an error in PostgreSQL and Redshift; Snowflake has none.
"""

from __future__ import annotations

from collections.abc import Mapping

_WHOLE_SUM = {
    "sum integer": "SUM(CASE WHEN {where} THEN {0} END)",
    "total number": "(CAST(COALESCE({0}, 0) AS DOUBLE PRECISION) / 1e6)",
    "total integer": "CAST(COALESCE({0}, 0) AS BIGINT)",
}
_PLAIN = {
    **{f"integer {sign}": f"({{0}} {sign} {{1}})" for sign in "+-*"},
    "integer %": "({0} % NULLIF({1}, 0))",
    "finite": "{0}",
    "finite_long": "{0}",
    "in_years": "{0}",
    "to_number": "CAST({0} AS DOUBLE PRECISION)",
    "number": "DOUBLE PRECISION",
    "utc": "+00:00",
    "like_escape": "'!'",
}

POSTGRES: Mapping[str, str] = {
    **_PLAIN,
    **_WHOLE_SUM,
    "string": "TEXT",
    "timestamp": "TIMESTAMPTZ",
    "list": "ARRAY[{0}]",
    "literal_timestamp": "CAST({0} AS TIMESTAMPTZ)",
    "known_number": "NULLIF({0}, CAST('NaN' AS DOUBLE PRECISION))",
    "to_timestamp": "(CAST({0} AS TIMESTAMP) AT TIME ZONE 'UTC')",
    "number %": "({0} - {1} * TRUNC({0} / NULLIF({1}, 0e0)))",
    "add_months": "((({0} AT TIME ZONE 'UTC') + {1} * INTERVAL '1 month') AT TIME ZONE 'UTC')",
    "add_seconds": "({0} + {1} * INTERVAL '1 second')",
    "member": "({0}).{name}",
    "text_order": '{0} COLLATE "C"',
    "bucket": "CAST(CAST(CAST('x' || SUBSTRING(ENCODE("
    "SHA256(CONVERT_TO({salt} || CHR(31) || {id}, 'UTF8')), 'hex'), 1, 14) AS BIT(56)) AS BIGINT) / 8"
    " AS DOUBLE PRECISION) / 9007199254740992e0",
    "sum number": "SUM(CASE WHEN {where} THEN CAST({0} * 1e6 AS BIGINT) END)",
}

REDSHIFT: Mapping[str, str] = {
    **POSTGRES,
    "string": "VARCHAR(MAX)",
    "list": "ARRAY({0})",
    "text_order": "{0}",
    "add_months": "DATEADD(MONTH, {1}, {0})",
    "add_seconds": "DATEADD(SECOND, {1}, {0})",
    "member": "{0}.{name}",
    "bucket": "CAST(STRTOL(SUBSTRING(SHA2({salt} || CHR(31) || {id}, 256), 1, 14), 16) / 8"
    " AS DOUBLE PRECISION) / 9007199254740992e0",
}

SPARK: Mapping[str, str] = {
    **_PLAIN,
    **_WHOLE_SUM,
    "string": "STRING",
    "number": "DOUBLE",
    "timestamp": "TIMESTAMP",
    "list": "ARRAY({0})",
    "literal_timestamp": "CAST({0} AS TIMESTAMP)",
    "integer +": "try_add({0}, {1})",
    "integer -": "try_subtract({0}, {1})",
    "integer *": "try_multiply({0}, {1})",
    "finite": "CASE WHEN ABS({0}) < CAST('Infinity' AS DOUBLE) THEN {0} END",
    "known_number": "NULLIF({0}, CAST('NaN' AS DOUBLE))",
    "to_number": "CAST({0} AS DOUBLE)",
    "to_timestamp": "CAST({0} AS TIMESTAMP)",
    "add_months": "({0} + MAKE_INTERVAL(0, {1}))",
    "add_seconds": "({0} + MAKE_INTERVAL(0, 0, 0, 0, 0, 0, {1}))",
    "member": "{0}.{name}",
    "bucket": "CAST(SHIFTRIGHT(CAST(CONV(SUBSTRING(SHA2(CONCAT({salt}, CHAR(31), {id}), 256), 1, 14), 16, 10)"
    " AS BIGINT), 3) AS DOUBLE) / 9007199254740992e0",
    "sum number": "SUM(CASE WHEN {where} THEN CAST(RINT({0} * 1e6) AS DECIMAL(38, 0)) END)",
    "total number": "(CAST(COALESCE({0}, 0) AS DOUBLE) / 1e6)",
}

SNOWFLAKE: Mapping[str, str] = {
    **_PLAIN,
    **_WHOLE_SUM,
    "timestamp": "TIMESTAMPTZ",
    "number": "DOUBLE",
    "list": "ARRAY_CONSTRUCT({0})",
    "literal_timestamp": "CAST({0} AS TIMESTAMPTZ)",
    "finite": "CASE WHEN ABS({0}) < CAST('inf' AS DOUBLE) THEN {0} END",
    "known_number": "NULLIF({0}, CAST('NaN' AS DOUBLE))",
    "to_number": "CAST({0} AS DOUBLE)",
    "to_timestamp": "TO_TIMESTAMP_TZ(TO_VARCHAR({0}, 'YYYY-MM-DD') || 'T00:00:00+00:00')",
    "add_months": "DATEADD(MONTH, {1}, {0})",
    "add_seconds": "DATEADD(SECOND, {1}, {0})",
    "member": "GET({0}, {1})",
    "bucket": "CAST(FLOOR("
    "TO_NUMBER(SUBSTRING(SHA2({salt} || CHR(31) || {id}, 256), 1, 14), 'XXXXXXXXXXXXXX') / 8)"
    " AS DOUBLE) / 9007199254740992e0",
    "sum number": "SUM(CASE WHEN {where} THEN CAST({0} * 1e6 AS DECIMAL(38, 0)) END)",
    "total number": "(CAST(COALESCE({0}, 0) AS DOUBLE) / 1e6)",
}

BIGQUERY: Mapping[str, str] = {
    **_PLAIN,
    **_WHOLE_SUM,
    "string": "STRING",
    "integer": "INT64",
    "number": "FLOAT64",
    "boolean": "BOOL",
    "timestamp": "TIMESTAMP",
    "literal_timestamp": "CAST({0} AS TIMESTAMP)",
    "integer +": "SAFE_ADD({0}, {1})",
    "integer -": "SAFE_SUBTRACT({0}, {1})",
    "integer *": "SAFE_MULTIPLY({0}, {1})",
    "integer %": "MOD({0}, NULLIF({1}, 0))",
    "number %": "({0} - {1} * TRUNC({0} / NULLIF({1}, 0e0)))",
    "finite": "CASE WHEN NOT (IS_INF({0}) OR IS_NAN({0})) THEN {0} END",
    "known_number": "CASE WHEN NOT IS_NAN({0}) THEN {0} END",
    "to_number": "CAST({0} AS FLOAT64)",
    "to_timestamp": "TIMESTAMP({0}, 'UTC')",
    "add_months": "TIMESTAMP(DATETIME_ADD(DATETIME({0}, 'UTC'), INTERVAL {1} MONTH), 'UTC')",
    "add_seconds": "TIMESTAMP_ADD({0}, INTERVAL {1} SECOND)",
    "member": "{0}.{name}",
    "like_escape": "",
    "bucket": "CAST(CAST(CONCAT('0x', "
    "SUBSTR(TO_HEX(SHA256(CONCAT({salt}, CHR(31), {id}))), 1, 14)) AS INT64) >> 3"
    " AS FLOAT64) / 9007199254740992e0",
    "sum number": "SUM(CASE WHEN {where} THEN CAST({0} * 1e6 AS INT64) END)",
    "total number": "(CAST(COALESCE({0}, 0) AS FLOAT64) / 1e6)",
    "total integer": "COALESCE({0}, 0)",
}
