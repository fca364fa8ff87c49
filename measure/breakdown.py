"""The same figures for every part of a campaign: segment, block, arm, recommendation, link, locale."""
# ruff: noqa: S608 every piece of the queries is a constant of this file

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from measure.facts import count
from measure.rates import benjamini_hochberg, rate, rate_difference, wilson

COUNTS = (
    "sent",
    "delivered",
    "bounced",
    "complained",
    "opened",
    "machine_opened",
    "clicked",
    "unsubscribed",
    "converted",
    "orders",
)
"""Messages to which it happened; ``orders`` counts orders. Of ``machine_opened`` no person is known to have
opened, and they are in no other figure."""

OUT_OF = {
    "delivered": "sent",
    "bounced": "sent",
    "complained": "delivered",
    "opened": "delivered",
    "clicked": "delivered",
    "unsubscribed": "delivered",
    "converted": "delivered",
}
"""What each rate is a share of."""

MOST_ROWS = 200
"""Rows kept of a dimension whose values are not ours to limit (links, variants): those with most messages."""

FLAGS = tuple(name for name in COUNTS if name != "orders")
_FLAGS = " | ".join(f"({name}::USMALLINT << {bit})" for bit, name in enumerate(FLAGS))
"""What happened to a message, a bit each: grouped by these first, a mail costs one count and not nine."""

_TALLY = ", ".join(
    [
        f"coalesce(sum(n) FILTER (flags & {1 << bit} > 0), 0)::BIGINT AS {name}"
        for bit, name in enumerate(FLAGS)
    ]
    + ["sum(orders)::BIGINT AS orders", "sum(revenue) / 1e4 AS revenue"]
)
_GROUPED = "flags, count(*) AS n, sum(orders) AS orders, sum(revenue) AS revenue FROM mailed GROUP BY ALL"
_NOTHING = ", ".join(
    f"NULL::BIGINT AS {name}" for name in COUNTS if name not in ("clicked", "converted", "orders")
)

_PLAIN = f"""
    SELECT period, '{{0}}' AS dimension, NULL::VARCHAR AS name, value, {_TALLY}
    FROM (SELECT period, {{1}} AS value, {_GROUPED}) GROUP BY ALL
"""
_LISTED = f"""
    SELECT period, '{{0}}' AS dimension, {{1}} AS name, {{2}} AS value, {_TALLY}
    FROM (SELECT entry, tally.* FROM (SELECT period, {{3}} AS code, {_GROUPED}) AS tally
        JOIN {{4}} AS lists ON lists.code = tally.code, unnest(list_distinct({{5}})) AS entries(entry))
    WHERE entry IS NOT NULL
    GROUP BY ALL
"""

_SOURCES = "list_transform(list, lambda item: item.source)"
_COLUMNS = ("campaign", "occasion", "trigger", "locale", "variant")
_QUERIES = {
    "all": _PLAIN.format("all", "NULL::VARCHAR"),
    **{name: _PLAIN.format(name, f'"{name}"') for name in _COLUMNS},
    "day": f"""
        SELECT * REPLACE (strftime(make_timestamp(value * 86400000000), '%Y-%m-%d') AS value)
        FROM ({_PLAIN.format("day", '"at" // 86400000000')})
    """,
    "segment": _LISTED.format("segment", "NULL::VARCHAR", "entry", "segments_code", "segment_lists", "list"),
    "block": _LISTED.format("block", "entry.slot", "entry.block", "blocks_code", "block_lists", "list"),
    "arm": _LISTED.format(
        "arm", "entry.experiment || '@' || entry.version", "entry.arm", "arms_code", "arm_lists", "list"
    ),
    "source": _LISTED.format("source", "NULL::VARCHAR", "entry", "sources_code", "source_lists", _SOURCES),
    "position": _LISTED.format(
        "position",
        "NULL::VARCHAR",
        "entry::VARCHAR",
        "sources_code",
        "source_lists",
        "list_transform(list, lambda item: item.position)",
    ),
    "link": f"""
        SELECT period, 'link' AS dimension, NULL::VARCHAR AS name, link AS value, {_NOTHING},
            count(*) AS clicked, count(*) FILTER (converted) AS converted, sum(orders)::BIGINT AS orders,
            sum(revenue) / 1e4 AS revenue
        FROM clicks JOIN mailed USING (message_id) GROUP BY ALL
    """,
}
"""A dimension whose values come in lists is summed by whole lists first: there are few of those."""

_NOBODY = ", ".join(f"0::BIGINT AS {name}" for name in COUNTS)


def tallies(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Counts of every dimension, a row a value: dimension, name (slot, experiment), value, counts, money.

    Where nothing was sent there is one row, ``all``, of zeros.
    """
    _see_mailed(connection, "NULL::DATE")
    link_clicks(connection)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE plain_tallies AS {_union(*_QUERIES)}")
    connection.execute(f"""INSERT INTO plain_tallies BY NAME SELECT 'all' AS dimension, {_NOBODY},
        0::DOUBLE AS revenue WHERE NOT EXISTS (FROM plain_tallies)""")
    return _in_order(_by_item(connection)).drop_columns(["period"])


def tallies_of(connection: duckdb.DuckDBPyConnection, period: str) -> pa.Table:
    """The counts of some dimensions by ``period``, an SQL expression over ``facts`` that gives a date."""
    _see_mailed(connection, period)
    dimensions = ("all", "campaign", "segment", "block", "arm", "locale")
    return _in_order(connection.sql(_union(*dimensions)).to_arrow_table())


def _see_mailed(connection: duckdb.DuckDBPyConnection, period: str) -> None:
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW mailed AS SELECT *, {period} AS period, {_FLAGS} AS flags"
        " FROM facts WHERE sent"
    )


def _union(*dimensions: str) -> str:
    columns = ", ".join(["period", "dimension", "name", "value", *COUNTS, "revenue"])
    parts = "\nUNION ALL BY NAME\n".join(f"({_QUERIES[dimension]})" for dimension in dimensions)
    return f"SELECT {columns} FROM ({parts})"


def with_rates(table: pa.Table, alpha: float = 0.05) -> pa.Table:
    """Add to each count its rate and Wilson interval, and how the clicks compare with the rest of the scope.

    ``clicked_vs_rest`` is the difference to all messages outside of the row, ``clicked_p`` its p-value
    corrected within the dimension (Benjamini-Hochberg). Unknown figures (0 of 0) are NULL.
    """
    table = with_intervals(table, alpha)
    columns = {name: _floats(table, name) for name in COUNTS}
    dimensions = np.array(table["dimension"].to_pylist(), dtype=object)
    whole = np.flatnonzero(dimensions == "all")[0]
    hits, trials = columns["clicked"], columns["delivered"]
    rest = rate_difference(hits[whole] - hits, trials[whole] - trials, hits, trials, alpha)
    p = np.full(len(dimensions), np.nan)
    for dimension in set(dimensions):
        rows = dimensions == dimension
        p[rows] = benjamini_hochberg(rest.p[rows])
    # Clicks on one item or link are another thing than clicks on a mail.
    other = np.isin(dimensions.astype(str), ["source", "position", "link"])
    value = np.where(other, np.nan, rest.value)
    return _append(_append(table, "clicked_vs_rest", value), "clicked_p", np.where(other, np.nan, p))


def with_intervals(table: pa.Table, alpha: float = 0.05) -> pa.Table:
    """Add to each count its rate and Wilson interval; 0 of 0 is NULL."""
    for name, base in OUT_OF.items():
        hits, trials = _floats(table, name), _floats(table, base)
        low, high = wilson(hits, trials, alpha)
        table = _append(table, f"{name}_rate", rate(hits, trials))
        table = _append(_append(table, f"{name}_low", low), f"{name}_high", high)
    return table


def link_clicks(connection: duckdb.DuckDBPyConnection) -> None:
    """``clicks``: which message was clicked on which link, each pair once.

    A link is its address without the fragment, ``utm_`` parameters, and signed tokens, which are one
    person's own and would make every link another.
    """
    connection.execute(r"""
        CREATE OR REPLACE TEMP MACRO link_of(url) AS rtrim(replace(regexp_replace(regexp_replace(
            split_part(url, '#', 1), '([?&])utm_[A-Za-z_]+=[^&]*', '\1', 'g'),
            '/[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{20,}', '/…', 'g'), '?&', '?'), '?&');
        CREATE OR REPLACE TEMP TABLE clicks AS
        WITH clicked AS (
            SELECT o.message_id, o.url FROM outcomes AS o JOIN facts AS f ON f.message_id = o.message_id
            WHERE o.kind = 'clicked' AND o.machine IS NOT TRUE AND o.url IS NOT NULL AND f.clicked
                AND o."at" >= f."at" - getvariable('tolerance_us') AND o."at" <= getvariable('now_at')
        ), links AS (SELECT url, link_of(url) AS link FROM (SELECT DISTINCT url FROM clicked))
        SELECT DISTINCT message_id, link FROM clicked JOIN links USING (url)
    """)


def _by_item(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """For source and position, count clicks on and purchases of the recommended items themselves, those
    that blocks asked for included.

    A mail shows many items; that it was clicked somewhere says nothing of the third of them. Without
    the items' pages the clicks of these two dimensions are unknown (NULL).
    """
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE hits AS
        WITH pages AS (SELECT link_of(url) AS link, min(item_id) AS item_id FROM items
                       WHERE url IS NOT NULL GROUP BY ALL),
        met AS (
            SELECT message_id, item_id, true AS clicked, false AS bought, NULL AS order_key, 0 AS amount
            FROM clicks JOIN pages USING (link)
            UNION ALL
            SELECT c.message_id, c.item_id, false, true, c.order_key, c.amount
            FROM credited AS c JOIN facts AS f ON f.message_id = c.message_id WHERE c.item_id IS NOT NULL
        ), placed AS (
            SELECT met.*, items_of(recommendations, asked) AS shown, list_position(
                list_transform(shown, lambda item: item.item_id), item_id) AS place
            FROM met JOIN messages USING (message_id)
        )
        SELECT message_id, shown[place].source AS source, shown[place].position::VARCHAR AS position, clicked,
            bought, order_key, amount
        FROM placed WHERE place > 0
    """)
    known = "count(DISTINCT message_id) FILTER (clicked)" if _has_pages(connection) else "NULL::BIGINT"
    parts = [
        f"""SELECT '{dimension}' AS dimension, {dimension} AS value, {known} AS clicked,
            count(DISTINCT message_id) FILTER (bought) AS converted,
            count(DISTINCT (message_id, order_key)) FILTER (bought) AS orders, sum(amount) / 1e4 AS revenue
            FROM hits GROUP BY ALL"""
        for dimension in ("source", "position")
    ]
    unseen = "0" if _has_pages(connection) else "NULL"
    return connection.sql(f"""
        SELECT t.* EXCLUDE (by_item) REPLACE (
            CASE WHEN by_item THEN coalesce(h.clicked, {unseen}) ELSE t.clicked END AS clicked,
            CASE WHEN by_item THEN coalesce(h.converted, 0) ELSE t.converted END AS converted,
            CASE WHEN by_item THEN coalesce(h.orders, 0) ELSE t.orders END AS orders,
            CASE WHEN by_item THEN coalesce(h.revenue, 0) ELSE t.revenue END AS revenue
        )
        FROM (SELECT *, dimension IN ('source', 'position') AS by_item FROM plain_tallies) AS t
        LEFT JOIN ({" UNION ALL ".join(parts)}) AS h ON h.dimension = t.dimension AND h.value = t.value
    """).to_arrow_table()


def _has_pages(connection: duckdb.DuckDBPyConnection) -> bool:
    return count(connection, "SELECT count(*) FROM items WHERE url IS NOT NULL") > 0


def _in_order(table: pa.Table) -> pa.Table:
    """Dimension by dimension, larger values first; at most MOST_ROWS of each."""
    frame = table.to_pandas()
    frame["_size"] = frame["sent"].fillna(frame["clicked"]).fillna(0)
    numbers = frame["value"].where(frame["dimension"].isin(["position", "day"]))
    frame["_order"] = numbers.map(lambda text: f"{text:>10}" if isinstance(text, str) else "")
    frame = frame.sort_values(
        ["period", "dimension", "name", "_order", "_size", "value"],
        ascending=[True, True, True, True, False, True],
        kind="stable",
    )
    kept = frame.groupby(["period", "dimension"], sort=False, dropna=False).head(MOST_ROWS)
    return pa.Table.from_pandas(kept[table.column_names], schema=table.schema, preserve_index=False)


def _floats(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].cast(pa.float64()).to_numpy(zero_copy_only=False))


def _append(table: pa.Table, name: str, values: np.ndarray) -> pa.Table:
    return table.append_column(name, pa.array(values, pa.float64(), mask=np.isnan(values)))
