"""Rows in order, and columns of texts whose different values are held once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audience.distinct import LOOK, UNALIKE

BITS = 62
"""Of a whole number that stands for all keys of a row."""


def flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column in one piece, without dictionary encoding."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def decoded(table: pa.Table) -> pa.Table:
    """The table without dictionary encoding."""
    return pa.table({name: flat(table.column(name)) for name in table.column_names})


def _index_in(values: pa.Array, known: pa.Array) -> pa.Array:
    """``pc.index_in`` of different values. The shorter of the two goes into the table of hashes: that of the
    ids of a million profiles takes longer to make than to look all of them up in a small one."""
    if len(known) < 2 * len(values) or len(values.unique()) < len(values):
        return pc.index_in(values, value_set=known)
    back = pc.index_in(known, value_set=values)
    there = pc.indices_nonzero(back.is_valid()).to_numpy()[::-1]
    places = np.full(len(values), -1, dtype=np.int32)
    places[back.take(pa.array(there)).to_numpy()] = there  # of equal known ones the first
    return pa.array(places, mask=places < 0)


def times_there(values: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """How often the value of each row is there; NULL is a value like any other."""
    codes = flat(values).dictionary_encode(null_encoding="encode").indices.to_numpy()
    found: npt.NDArray[np.int64] = np.bincount(codes)[codes]
    return found


def is_among(column: pa.Array, known: pa.Array) -> pa.Array:
    """Whether each value is one of the known ones."""
    return of_each(lambda values: _index_in(values, known).is_valid(), column)


def of_each(test: Callable[[pa.Array], pa.Array], column: pa.Array) -> pa.Array:
    """What a test of texts says of each value; of a dictionary each different one is tested once."""
    if not pa.types.is_dictionary(column.type):
        return test(column)
    return test(column.dictionary).take(column.indices)


def places_of(values: pa.Array, known: pa.Array) -> pa.Array:
    """The place of each value among the known ones, NULL where it is not there.

    Of equal values that stand together, as those of sorted rows do, one is looked for.
    """
    if pa.types.is_dictionary(values.type):
        return of_each(lambda values: _index_in(values, known), values)
    if len(values) < LOOK:
        return pc.index_in(values, value_set=known)
    changes = pc.fill_null(pc.not_equal(values[1:], values[:-1]), True)
    starts = np.flatnonzero(np.append(True, changes.to_numpy(zero_copy_only=False)))
    if 4 * len(starts) > len(values):
        return pc.index_in(values, value_set=known)
    found = pc.index_in(values.take(pa.array(starts)), value_set=known)
    return found.take(pa.array(np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))))


def sorted_rows(keys: list[pa.Array]) -> pa.Array:
    """The places of the rows in the order of these keys, then as they came; NULL is last."""
    numbers = [_numbered(key) for key in keys]
    packed = _packed(numbers)
    if packed is not None:
        ordered = bool((packed[1:] >= packed[:-1]).all())
        return pa.array(np.arange(len(packed)) if ordered else np.argsort(packed, kind="stable"))
    rows = np.arange(len(keys[0]) if keys else 0)
    table = pa.table({str(place): key for place, key in enumerate(numbers)} | {"came": pa.array(rows)})
    return pc.sort_indices(table, sort_keys=[(name, "ascending") for name in table.column_names])


def _numbered(key: pa.Array) -> pa.Array:
    """Texts as numbers of the same order, so that they are compared once and not at every step."""
    if pa.types.is_string(key.type):
        if pc.count_distinct(key[:LOOK]).as_py() > UNALIKE * LOOK:
            return pc.rank(key, tiebreaker="dense") if not key.null_count else key
        key = key.dictionary_encode()
    if not pa.types.is_dictionary(key.type):
        return key
    return pc.rank(key.dictionary, tiebreaker="dense").take(key.indices)


def _step(steps: npt.NDArray[np.int64]) -> int:
    """What divides all of them. That of a few mostly divides the others too, which is seen much sooner."""
    step = int(np.gcd.reduce(steps[:LOOK]))
    if step > 1 and (steps % step).any():
        step = int(np.gcd.reduce(steps))
    return step or int(np.gcd.reduce(steps)) or 1


def _packed(numbers: list[pa.Array]) -> npt.NDArray[np.int64] | None:
    """The keys of each row as one whole number of the same order; None where one has not enough bits."""
    packed: npt.NDArray[np.int64] | None = None
    left = 1 << BITS
    for key in numbers:
        kind = key.type
        if not (pa.types.is_integer(kind) or pa.types.is_timestamp(kind)) or not len(key):
            return None
        whole = key.cast(pa.int64(), safe=False)
        low, high = (int(value.as_py() or 0) for value in pc.min_max(whole).values())
        if high - low >= 1 << BITS:
            return None
        steps = whole.fill_null(low).to_numpy(zero_copy_only=False) - low
        step = _step(steps)
        width = (high - low) // step + 2  # NULL is after the last
        left //= width
        if not left:
            return None
        if step > 1:
            steps //= step
        if whole.null_count:
            steps[whole.is_null().to_numpy(zero_copy_only=False)] = width - 1
        if packed is None:
            packed = steps
        else:
            packed *= width
            packed += steps
    return packed
