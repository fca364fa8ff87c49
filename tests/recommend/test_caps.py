"""Caps a category for many rows at once: the same items as one row after the other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommend.reranking import Reranker

ITEMS = 12


@st.composite
def rows(draw):
    count, width = draw(st.integers(1, 4)), draw(st.integers(1, ITEMS))
    order = [draw(st.permutations(range(ITEMS))) for _ in range(count)]
    columns = np.array([line[:width] for line in order])
    scores = np.array(
        [sorted(draw(st.lists(st.sampled_from([3.0, 2.0, 1.0, -np.inf]), min_size=width, max_size=width)))
         for _ in range(count)]
    )[:, ::-1]  # fmt: skip
    shown = [line[width:][: draw(st.integers(0, 3))] for line in order]
    chosen = np.array([[*line, *[-1] * (3 - len(line))] for line in shown])
    free = np.array([draw(st.integers(0, 6)) for _ in range(count)])
    return columns, scores, chosen, free


@given(
    rows(),
    st.lists(st.integers(-1, 3), min_size=ITEMS, max_size=ITEMS),
    st.none() | st.integers(1, 4),
)
def test_many_rows_at_once_are_shown_what_each_is_alone(some, categories, cap):
    columns, scores, chosen, free = some
    reranker = Reranker(np.array(categories), cap, 0.0, None)
    taken = reranker.capped(columns, np.isfinite(scores), chosen, free)
    for row in range(len(columns)):
        alone = reranker.choose(columns[row], scores[row], chosen[row][chosen[row] >= 0], int(free[row]))
        assert np.flatnonzero(taken[row]).tolist() == alone.tolist()
