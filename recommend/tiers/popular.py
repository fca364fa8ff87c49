"""Popular: what is wanted most now, by anybody."""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Source
from recommend.arrays import I64, Mask
from recommend.context import Context
from recommend.tiers import Scored

ORDER = 40


def open_tier(context: Context) -> Popular:
    return Popular(context)


class Popular:
    """Recency-weighted popularity; items that nobody met are not popular."""

    source = Source.POPULAR

    def __init__(self, context: Context) -> None:
        wanted = context.popularity[context.candidates]
        self._scores = np.where(wanted > 0, wanted, -np.inf)
        self._rows = context.profiles.num_rows

    def applies(self) -> Mask:
        return np.ones(self._rows, bool)

    def score(self, rows: I64) -> Scored:
        block = np.tile(self._scores.astype(np.float32), (len(rows), 1))
        return Scored(block, lambda columns: self._scores[columns])

    def because(self, rows: I64, items: I64) -> I64:  # noqa: ARG002 the same for everybody
        return np.zeros(items.shape, np.int64)

    def reason(self, code: int) -> str:  # noqa: ARG002
        return "popular now"
