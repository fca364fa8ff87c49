"""Dense scores to figures: top 10 with what was bought excluded, and with it allowed."""

from __future__ import annotations

import numpy as np

from bench.retail import Shop
from recommend.arrays import F32, I64
from recommend.metrics import Metrics, judge, summarise
from recommend.topn import largest


def judged_scores(shop: Shop, scores: F32) -> dict[str, Metrics]:
    """``new``: items bought before excluded from ranking and from what is wanted; ``repeats``: neither."""
    fresh = scores.astype(np.float32)
    fresh[shop.bought.nonzero()] = -np.inf
    share = np.asarray((shop.bought > 0).mean(axis=0)).ravel()
    found = {"new": (top(fresh), shop.wanted_new), "repeats": (top(scores), shop.wanted)}
    return {name: summarise(judge(items, wanted), items, share) for name, (items, wanted) in found.items()}


def top(scores: F32, n: int = 10) -> I64:
    """The ``n`` best columns of each row, best first; -inf is none."""
    columns = largest(np.ascontiguousarray(scores, np.float32), n)
    cells = np.take_along_axis(scores, columns, axis=1)
    order = np.lexsort((columns, -cells), axis=1)
    columns = np.take_along_axis(columns, order, axis=1)
    return np.where(np.isfinite(np.take_along_axis(scores, columns, axis=1)), columns, -1)
