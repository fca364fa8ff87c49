"""Picking: from a tier's scores to the free places of each profile, exclusions first."""

from __future__ import annotations

import numpy as np

from recommend.arrays import F32, F64, I64
from recommend.context import Context
from recommend.reranking import POOL, Reranker
from recommend.tiers import Tier
from recommend.topn import largest


class Picks:
    """What has been picked so far, row by row; threads write to different rows of it."""

    def __init__(self, rows: int, n: int) -> None:
        self.items = np.full((rows, n), -1, np.int32)
        self.sources = np.full((rows, n), -1, np.int8)
        self.scores = np.full((rows, n), np.nan)
        self.count = np.zeros(rows, np.int64)

    @property
    def n(self) -> int:
        return self.items.shape[1]


def pick(context: Context, reranker: Reranker, tier: Tier, source: int, rows: I64, picks: Picks) -> None:
    """Fill the free places of these rows with the best that the tier has for them."""
    scored = tier.score(rows)
    block = scored.block
    _mask(context, rows, picks, block)
    width = block.shape[1]
    pool = min(width, picks.n if reranker.idle else POOL * picks.n)
    columns = largest(block, pool)
    inside = np.isfinite(np.take_along_axis(block, columns, axis=1))
    columns, scores = _sorted(columns, np.where(inside, scored.settle(columns), -np.inf))
    if reranker.idle:
        _place(context, source, rows, columns, scores, picks)
        return
    _place_reranked(context, reranker, source, rows, columns, scores, picks)
    short = (picks.count[rows] < picks.n) & np.isfinite(scores).all(axis=1)
    if pool < width and short.any():
        columns = np.broadcast_to(np.arange(width), block.shape)
        everything = np.where(np.isfinite(block), scored.settle(columns), -np.inf)
        _mask(context, rows, picks, everything)
        columns, scores = _sorted(columns[short], everything[short])
        _place_reranked(context, reranker, source, rows[short], columns, scores, picks)


def _mask(context: Context, rows: I64, picks: Picks, block: F32 | F64) -> None:
    """Cells that must not be picked: excluded for the profile, or picked already."""
    start, column = context.exclusions.start, context.exclusions.column
    for line, row in enumerate(rows):
        block[line, column[start[row] : start[row + 1]]] = -np.inf
    for filled in np.flatnonzero(picks.count[rows]):
        items = picks.items[rows[filled], : picks.count[rows[filled]]]
        block[filled, context.column[items]] = -np.inf


def _sorted(columns: I64, scores: F64) -> tuple[I64, F64]:
    """Best first; equal scores in the order of the catalogue."""
    order = np.lexsort((columns, -scores), axis=1)
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _place(context: Context, source: int, rows: I64, columns: I64, scores: F64, picks: Picks) -> None:
    free = picks.n - picks.count[rows]
    taken = np.isfinite(scores) & (np.arange(columns.shape[1]) < free[:, None])
    line, k = np.nonzero(taken)
    target = picks.count[rows[line]] + k
    picks.items[rows[line], target] = context.candidates[columns[line, k]]
    picks.sources[rows[line], target] = source
    picks.scores[rows[line], target] = scores[line, k]
    picks.count[rows] += taken.sum(axis=1)


def _place_reranked(
    context: Context, reranker: Reranker, source: int, rows: I64, columns: I64, scores: F64, picks: Picks
) -> None:
    for line, row in enumerate(rows):
        have = int(picks.count[row])
        chosen = context.column[picks.items[row, :have]]
        places = reranker.choose(columns[line], scores[line], chosen, picks.n - have)
        target = slice(have, have + len(places))
        picks.items[row, target] = context.candidates[columns[line, places]]
        picks.sources[row, target] = source
        picks.scores[row, target] = scores[line, places]
        picks.count[row] += len(places)
