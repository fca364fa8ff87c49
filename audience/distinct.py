"""The different values of a column, so that what depends on the value alone is worked out once for each."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from audience.scalar_sql import plain

FEWEST_ROWS = 1_000
"""Rows below which looking for equal values costs more than it saves."""
SHARE = 0.5
"""Of the rows: with more different values than that, every row is worked on as it comes."""
LOOK, UNALIKE = 20_000, 0.9
"""Rows at the beginning of a column, and the share of different ones that says that all are different."""


@dataclass(frozen=True)
class Distinct:
    """``values.take(places)`` is the column; without ``places`` the values are the column itself."""

    values: pa.Array
    places: pa.Array | None = None


def distinct_values(column: pa.Array) -> Distinct:
    """The different values of a column of texts, which costs most to look at, ``plain``; any other column
    as it is."""
    coded = column
    if not pa.types.is_dictionary(column.type):
        few = column[:LOOK]
        if (
            not pa.types.is_string(column.type)
            or len(column) < FEWEST_ROWS
            or (len(few) < len(column) and pc.count_distinct(few).as_py() > UNALIKE * LOOK)
        ):
            return Distinct(plain(column))
        coded = column.dictionary_encode()
    if len(column) < FEWEST_ROWS or len(coded.dictionary) > SHARE * len(column):
        return Distinct(plain(column))
    return Distinct(plain(coded.dictionary), coded.indices)


def coded(values: pa.Array, places: pa.Array) -> pa.DictionaryArray:
    """``values.take(places)`` with each different value held once; what is NULL is so in the indices."""
    if values.null_count:
        places = pc.if_else(values.is_valid().take(places), places, None)
    return pa.DictionaryArray.from_arrays(places, values)
