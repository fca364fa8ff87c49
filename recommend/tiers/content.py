"""Content: items like those that a profile met, by their words and by who else met them.

For profiles that have met too few items for collaborative filtering, and for items too new for it.
"""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Reason, Source
from recommend.arrays import I64, Mask
from recommend.context import Context
from recommend.history import find_causes, in_pairs, own_history, tell_cause
from recommend.likeness import Likeness
from recommend.tiers import Scored

ORDER = 20
ALIKE = 0.05
"""Least likeness of two items for one to be named as the reason of the other."""


def open_tier(context: Context) -> Content:
    return Content(context)


class Content:
    """``z(history @ likeness) + popularity · z(log popularity)``, of items at all like the history.

    By likeness alone, profiles of few items were served worse than by popularity (docs/recommend.md).
    """

    source: str = Source.CONTENT

    def __init__(self, context: Context) -> None:
        self._context, self._likeness = context, Likeness(context)
        self._own = own_history(context)

    def applies(self) -> Mask:
        return self._context.pairs.count > 0

    def groups(self) -> None:
        return None

    def score(self, rows: I64) -> Scored:
        like = self._likeness.scores(self._context.history[rows])
        standard = (like - like.mean(axis=1, keepdims=True)) / np.maximum(
            like.std(axis=1, keepdims=True), 1e-12
        )
        popular = self._context.spec.blend.popularity * self._context.popular
        if self._own is not None:
            own = self._own[rows].toarray()
            like, standard = like + own, standard + self._context.spec.blend.own * own
        scores = np.where(like > 0, standard + popular, -np.inf)
        return Scored(scores.astype(np.float32), lambda columns: np.take_along_axis(scores, columns, axis=1))

    def because(self, rows: I64, items: I64) -> I64:
        return find_causes(self._context.pairs, rows, items, in_pairs(self._likeness.alike), ALIKE)

    def reason(self, code: int) -> Reason:
        return tell_cause(self._context, code, "seen")
