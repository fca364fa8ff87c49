"""Online Retail for the benchmarks: purchases as interactions, and the three windows of the time-based split.

Kept: positive quantities at a positive price of a known customer, stock codes of five digits and letters
(postage, fees and samples have others). Train to 2011-11-10, test the four weeks after it, validation the
four weeks before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recommend.arrays import F64, rows_of

CUT = datetime(2011, 11, 10, tzinfo=UTC)
WINDOW = timedelta(days=28)

QUERY = """
select CAST(CustomerID AS varchar) profile_id, upper(StockCode) item_id,
       'order_completed' event,
       CAST(InvoiceDate AS timestamp) AT TIME ZONE 'UTC' AS "at",
       Quantity quantity, Quantity * UnitPrice amount,
       trim(Description) description, Country country
from read_parquet(?)
where Quantity > 0 and UnitPrice > 0 and CustomerID is not null
  and regexp_matches(StockCode, '^[0-9]{5}[A-Za-z]*$') and InvoiceNo not like 'C%'
order by profile_id, "at", item_id, Quantity
"""


@dataclass(frozen=True)
class Shop:
    """The tables that ``train`` and ``recommend_items`` take, and what each profile bought afterwards."""

    profiles: pa.Table
    items: pa.Table
    interactions: pa.Table
    now: datetime
    bought: sparse.csr_matrix
    """Profiles × items, before ``now``: on how many days."""
    age: sparse.csr_matrix
    """Of the same cells, the days since the last of them."""
    wanted: sparse.csr_matrix
    """Profiles × items, bought in the window after ``now``: 1."""

    @property
    def wanted_new(self) -> sparse.csr_matrix:
        """Wanted, without what was bought before."""
        new = self.wanted - self.wanted.multiply(self.bought > 0)
        new.eliminate_zeros()
        return sparse.csr_matrix(new)


def purchases(path: Path, until: datetime | None = None) -> pa.Table:
    """Every purchase of the file that is kept, as interactions; up to a time, where one is given."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    rows = connection.sql(QUERY, params=[str(path)]).to_arrow_table()
    at = rows["at"].cast(pa.timestamp("us", "UTC"))
    rows = rows.set_column(rows.column_names.index("at"), "at", at)
    return rows if until is None else rows.filter(pc.less_equal(rows["at"], pa.scalar(until)))


def load(path: Path, now: datetime) -> Shop:
    """The shop as it stood at ``now``: profiles and items are those with a purchase before it."""
    connection = duckdb.connect()
    rows = purchases(path)
    micros = rows["at"].cast(pa.int64()).to_numpy()
    begin, end = now.timestamp() * 1e6, (now + WINDOW).timestamp() * 1e6
    before = rows.filter(pa.array(micros < begin))
    after = rows.filter(pa.array((micros >= begin) & (micros < end)))
    connection.register("before", before)
    items = connection.sql(
        "select item_id, mode(description) title from before group by item_id order by item_id"
    ).to_arrow_table()
    profiles = connection.sql(
        "select profile_id, mode(country) country from before group by profile_id order by profile_id"
    ).to_arrow_table()
    shape = (profiles.num_rows, items.num_rows)
    interactions = before.select(["profile_id", "item_id", "event", "at", "quantity", "amount"])
    bought = connection.sql(
        "select profile_id, item_id, count(distinct date_trunc('day', before.at)) n, max(before.at) last "
        "from before group by all"
    ).to_arrow_table()
    return Shop(
        profiles,
        items,
        interactions,
        now,
        _matrix(bought, profiles, items, shape, bought["n"].to_numpy().astype(np.float64)),
        _matrix(bought, profiles, items, shape, _days(bought["last"], now)),
        _matrix(after, profiles, items, shape, None),
    )


def _days(last: Any, now: datetime) -> F64:
    micros = last.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    return np.asarray(np.maximum((now.timestamp() * 1e6 - micros) / 86.4e9, 1e-6), np.float64)


def _matrix(
    rows: pa.Table, profiles: pa.Table, items: pa.Table, shape: tuple[int, int], values: F64 | None
) -> sparse.csr_matrix:
    profile = rows_of(rows["profile_id"], profiles["profile_id"])
    item = rows_of(rows["item_id"], items["item_id"])
    known = (profile >= 0) & (item >= 0)
    data = np.ones(int(known.sum())) if values is None else values[known]
    matrix = sparse.csr_matrix((data, (profile[known], item[known])), shape=shape)
    if values is None:
        matrix.data[:] = 1.0
    return matrix
