"""Rows are in the order of their keys, however they are packed into one number."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from audience import order
from audience.order import is_among, places_of, sorted_rows

TIME = pa.timestamp("us", "UTC")


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.none() | st.integers(-5, 5).map(lambda n: n * 60)), max_size=30
    )
)
def test_rows_are_in_order_and_nothing_is_last(rows):
    keys = [pa.array([who for who, _ in rows], pa.string()), pa.array([at for _, at in rows], TIME)]
    expected = sorted(range(len(rows)), key=lambda n: (rows[n][0], rows[n][1] is None, rows[n][1] or 0))
    assert sorted_rows(keys).to_pylist() == expected


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from("abcd")), st.lists(st.sampled_from("abcdefgh"), max_size=30))
def test_values_are_found_among_known_ones_whichever_are_more(values, known):
    flat, among = pa.array(values, pa.string()), pa.array(known, pa.string())
    coded, expected = flat.dictionary_encode(), pc.index_in(flat, value_set=among)
    assert places_of(coded, among).to_pylist() == expected.to_pylist()
    assert is_among(coded, among).fill_null(False).equals(expected.is_valid())
    assert is_among(flat, among).equals(expected.is_valid())


def test_a_step_that_only_the_first_rows_have_is_none(monkeypatch):
    monkeypatch.setattr(order, "LOOK", 4)
    at = np.array([0, 60, 120, 180, 61, 60])
    assert sorted_rows([pa.array(at, TIME)]).to_pylist() == [0, 1, 5, 4, 2, 3]
