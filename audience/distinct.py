"""The different values of a column, so that what depends on the value alone is worked out once for each."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

FEWEST_ROWS = 1_000
"""Rows below which looking for equal values costs more than it saves."""
SHARE = 0.5
"""Of the rows: with more different values than that, every row is worked on as it comes."""


@dataclass(frozen=True)
class Distinct:
    """``values.take(places)`` is the column; without ``places`` the values are the column itself."""

    values: pa.Array
    places: pa.Array | None = None


def distinct_values(column: pa.Array) -> Distinct:
    """The different values of a column of texts, which costs most to look at; any other column as it is."""
    if not pa.types.is_string(column.type) or len(column) < FEWEST_ROWS:
        return Distinct(column)
    coded = column.dictionary_encode()
    if len(coded.dictionary) > SHARE * len(column):
        return Distinct(column)
    return Distinct(coded.dictionary, coded.indices)
