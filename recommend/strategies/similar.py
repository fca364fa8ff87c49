"""Similar: items like the ones asked about; without any asked about, like what the profile met."""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Reason
from recommend.arrays import I64, Mask
from recommend.context import Context
from recommend.history import find_causes, in_pairs, tell_seed
from recommend.likeness import Likeness
from recommend.tiers import Scored


def open_tier(context: Context) -> Similar:
    return Similar(context)


class Similar:
    """``asked @ likeness``."""

    source = "similar"

    def __init__(self, context: Context) -> None:
        self._context, self._likeness = context, Likeness(context)
        self._seeds = context.seeds

    def applies(self) -> Mask:
        return self._seeds.count > 0

    def groups(self) -> None:
        return None

    def score(self, rows: I64) -> Scored:
        scores = self._likeness.scores(self._context.matrix(self._seeds, self._seeds.strength)[rows])
        block = np.where(scores > 0, scores, -np.inf).astype(np.float32)
        return Scored(block, lambda columns: np.take_along_axis(scores, columns, axis=1))

    def because(self, rows: I64, items: I64) -> I64:
        return find_causes(self._seeds, rows, items, in_pairs(self._likeness.alike), 0.0)

    def reason(self, code: int) -> Reason:
        return tell_seed(self._context, code, "similar")
