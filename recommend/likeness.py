"""How alike two items are, by their words and by who met both."""

from __future__ import annotations

import numpy as np
import scipy

from recommend.arrays import F64, I64
from recommend.context import Context

WORDS = 0.3
"""Weight of words against meetings; the best of those tried on profiles of one to five items."""


class Likeness:
    """``WORDS · cosine of words + (1 - WORDS) · neighbours over the largest neighbour``."""

    def __init__(self, context: Context, words: float = WORDS) -> None:
        self._weight, self._words, near = words, context.words, context.neighbours
        self._scale = float(near.data.max()) if near.nnz else 1.0
        self._near = near
        self._candidate_words = self._words[context.candidates].T.tocsr()
        self._candidate_near = near[:, context.candidates].tocsr()

    def scores(self, history: scipy.sparse.csr_matrix) -> F64:
        """Rows × candidates: ``history @ likeness``, dense."""
        words = ((history @ self._words) @ self._candidate_words).toarray()
        near = (history @ self._candidate_near).toarray() / self._scale
        found: F64 = self._weight * words + (1 - self._weight) * near
        return found

    def alike(self, left: I64, right: I64) -> F64:
        """Likeness of items, pair by pair."""
        words = np.asarray(self._words[left].multiply(self._words[right]).sum(axis=1)).ravel()
        near = np.asarray(self._near[left, right]).ravel() / self._scale
        found: F64 = self._weight * words + (1 - self._weight) * near
        return found
