"""A tier whose scores are the same for everybody."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mailwright.model.recommendation import Reason
from recommend.arrays import F64, I64, Mask
from recommend.context import Context
from recommend.tiers import Scored


class ForEverybody:
    """``scores`` is float64[columns], -inf for what is not recommended; ``reason`` is given the item."""

    def __init__(self, context: Context, source: str, scores: F64, reason: Callable[[int], Reason]) -> None:
        self.source = source
        self._scores, self._reason, self._rows = scores, reason, context.profiles.num_rows

    def applies(self) -> Mask:
        return np.full(self._rows, bool(np.isfinite(self._scores).any()))

    def groups(self) -> I64:
        return np.zeros(self._rows, np.int64)

    def score(self, rows: I64) -> Scored:
        block = np.tile(self._scores.astype(np.float32), (len(rows), 1))
        return Scored(block, lambda columns: self._scores[columns])

    def because(self, rows: I64, items: I64) -> I64:  # noqa: ARG002 the same for every row
        return items

    def reason(self, code: int) -> Reason:
        return self._reason(code)
