"""Bought together: what others bought on the same day as the items asked about.

Without any asked about, as what the profile itself bought. The score is the cosine of two items' baskets,
``both / sqrt(one · other)``, a basket being one profile's purchases of one day.
"""

from __future__ import annotations

import numpy as np
import scipy

from mailwright.model.recommendation import Reason
from recommend.arrays import F64, I64, Mask
from recommend.context import Context
from recommend.history import find_causes, in_pairs, tell_seed
from recommend.tiers import Scored

LEAST = 2
"""Baskets that must hold both."""


def open_tier(context: Context) -> BoughtTogether:
    return BoughtTogether(context)


class BoughtTogether:
    """``asked @ cosine of baskets``."""

    source = "bought_together"

    def __init__(self, context: Context) -> None:
        self._context, self._seeds = context, context.seeds
        self._together = _together(context)
        self._columns = self._together[:, context.candidates].tocsr()

    def applies(self) -> Mask:
        return self._seeds.count > 0

    def groups(self) -> None:
        return None

    def score(self, rows: I64) -> Scored:
        seeds = self._context.matrix(self._seeds, np.ones(len(self._seeds.item)))[rows]
        scores = (seeds @ self._columns).toarray()
        block = np.where(scores > 0, scores, -np.inf).astype(np.float32)
        return Scored(block, lambda columns: np.take_along_axis(scores, columns, axis=1))

    def because(self, rows: I64, items: I64) -> I64:
        def alike(left: I64, right: I64) -> F64:
            found: F64 = np.asarray(self._together[left, right]).ravel()
            return found

        return find_causes(self._seeds, rows, items, in_pairs(alike), 0.0)

    def reason(self, code: int) -> Reason:
        return tell_seed(self._context, code, "together")


def _together(context: Context) -> scipy.sparse.csr_matrix:
    events, size = context.events, context.catalogue.size
    bought = events.bought
    day = np.floor(events.age[bought]).astype(np.int64)
    _, basket = np.unique(events.profile[bought] * (day.max(initial=0) + 1) + day, return_inverse=True)
    baskets = scipy.sparse.csr_matrix(
        (np.ones(len(basket)), (basket, events.item[bought])), shape=(len(basket), size)
    )
    baskets.data[:] = 1.0
    # Only items that somebody asks about are compared with others: the whole square could not be held.
    asked = np.unique(context.seeds.item)
    both = scipy.sparse.csr_matrix(baskets[:, asked].T @ baskets)
    both.data[both.data < LEAST] = 0
    count = np.maximum(np.asarray(baskets.sum(axis=0)).ravel(), 1)
    row = np.repeat(asked, np.diff(both.indptr))
    data = both.data / np.sqrt(count[row] * count[both.indices]) * (row != both.indices)
    square = scipy.sparse.csr_matrix((data, (row, both.indices)), shape=(size, size))
    square.eliminate_zeros()
    return square
