"""Recently viewed: what the profile looked at and did not buy, latest first."""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Reason
from recommend.arrays import F32, F64, I64, Mask
from recommend.context import Context
from recommend.tiers import Scored


def open_tier(context: Context) -> RecentlyViewed:
    return RecentlyViewed(context)


class RecentlyViewed:
    """The score is ``1 / (1 + days)``."""

    source = "recently_viewed"

    def __init__(self, context: Context) -> None:
        self._context = context
        pairs = context.pairs
        self._met = context.matrix(pairs, np.where(pairs.bought, 0.0, 1 / (1 + pairs.age)))

    def applies(self) -> Mask:
        return self._context.pairs.count > 0

    def groups(self) -> None:
        return None

    def score(self, rows: I64) -> Scored:
        scores: F64 = self._met[rows][:, self._context.candidates].toarray()
        block: F32 = np.where(scores > 0, scores, -np.inf).astype(np.float32)
        return Scored(block, lambda columns: np.take_along_axis(scores, columns, axis=1))

    def because(self, rows: I64, items: I64) -> I64:  # noqa: ARG002
        return np.zeros(items.shape, np.int64)

    def reason(self, code: int) -> Reason:  # noqa: ARG002
        return Reason("recent")
