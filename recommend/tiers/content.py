"""Content: items like those that a profile met, by their words and by who else met them.

For profiles that have met too few items for collaborative filtering, and for items too new for it.
"""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Source
from recommend.arrays import F64, I64, Mask
from recommend.context import Context
from recommend.history import find_causes, tell_cause
from recommend.tiers import Scored
from recommend.words import word_vectors

ORDER = 20
ALIKE = 0.05
"""Least likeness of two items for one to be named as the reason of the other."""
WORDS = 0.3
"""Weight of words against meetings; the best of those tried on profiles of one to five items."""


def open_tier(context: Context) -> Content:
    return Content(context)


class Content:
    """``history @ (WORDS · cosine of words + (1 - WORDS) · neighbours)``."""

    source = Source.CONTENT

    def __init__(self, context: Context) -> None:
        self._context = context
        self._words = word_vectors(context.catalogue)
        self._candidate_words = self._words[context.candidates].T.tocsr()
        near = context.neighbours
        self._scale = float(near.data.max()) if near.nnz else 1.0
        self._near = near[:, context.candidates].tocsr()

    def applies(self) -> Mask:
        return self._context.pairs.count > 0

    def score(self, rows: I64) -> Scored:
        history = self._context.history[rows]
        words = ((history @ self._words) @ self._candidate_words).toarray()
        near = (history @ self._near).toarray() / self._scale
        scores = WORDS * words + (1 - WORDS) * near
        block = np.where(scores > 0, scores, -np.inf).astype(np.float32)
        return Scored(block, lambda columns: np.take_along_axis(scores, columns, axis=1))

    def because(self, rows: I64, items: I64) -> I64:
        near = self._context.neighbours

        def alike(left: I64, right: I64) -> F64:
            words = np.asarray(self._words[left].multiply(self._words[right]).sum(axis=1)).ravel()
            met = np.asarray(near[left, right]).ravel() / self._scale
            found: F64 = WORDS * words + (1 - WORDS) * met
            return found

        return find_causes(self._context, rows, items, alike, ALIKE)

    def reason(self, code: int) -> str:
        return tell_cause(self._context, code, "like what you have looked at")
