"""The array types of this room, and the one way from Arrow ids to row numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audience.order import flat, places_of

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def rows_of(values: Any, ids: Any) -> I64:
    """The row of each value in ``ids`` (Arrow arrays of strings), -1 where it is NULL or not there."""
    if len(ids) == 0 or len(values) == 0:
        return np.full(len(values), -1, np.int64)
    wanted, known = flat(values), flat(ids)
    if wanted.type != known.type:
        wanted, known = wanted.cast(pa.large_string()), known.cast(pa.large_string())
    found = places_of(wanted, known)
    rows: I64 = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    if wanted.null_count:
        rows[wanted.is_null().to_numpy(zero_copy_only=False)] = -1
    return rows


def numbers(table: pa.Table, name: str, missing: float) -> F64:
    """A column as float64, ``missing`` where it is NULL, not a number, or the table has no such column."""
    if name not in table.column_names:
        return np.full(table.num_rows, missing)
    column = flat(table[name])
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        column = column.cast(pa.float64(), safe=False)
    values: F64 = column.cast(pa.float64()).fill_null(missing).to_numpy(zero_copy_only=False).copy()
    values[np.isnan(values)] = missing
    return values


def instants(column: Any) -> I64:
    """Timestamps as microseconds since 1970 in UTC; the smallest int64 where missing."""
    values = flat(column).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    result: I64 = values.fill_null(NEVER).to_numpy(zero_copy_only=False)
    return result


def texts(table: pa.Table, name: str) -> list[str]:
    """A column of strings as Python strings, "" where it is NULL or the table has no such column."""
    if name not in table.column_names:
        return [""] * table.num_rows
    return [value or "" for value in flat(table[name]).cast(pa.string()).to_pylist()]


NEVER = int(np.iinfo(np.int64).min)
DAY_US = 86_400_000_000
