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
    _place(context, reranker, source, rows, columns, scores, picks)
    short = (picks.count[rows] < picks.n) & np.isfinite(scores).all(axis=1)
    if not reranker.idle and pool < width and short.any():
        # Of the few rows whose pool did not do, everything is settled; what may be picked stays as it was.
        columns = np.broadcast_to(np.arange(width), (int(short.sum()), width))
        settled = tier.score(rows[short]).settle(columns)
        everything = np.where(np.isfinite(block[short]), settled, -np.inf)
        _mask(context, rows[short], picks, everything)
        _place(context, reranker, source, rows[short], *_sorted(columns, everything), picks)


def _mask(context: Context, rows: I64, picks: Picks, block: F32 | F64) -> None:
    """Cells that must not be picked: excluded for the profile, or picked already."""
    start, column = context.exclusions.start, context.exclusions.column
    count = start[rows + 1] - start[rows]
    line = np.repeat(np.arange(len(rows)), count)
    entry = np.repeat(start[rows] - np.cumsum(count) + count, count) + np.arange(len(line))
    block[line, column[entry]] = -np.inf
    line, place = np.nonzero(picks.items[rows] >= 0)
    block[line, context.column[picks.items[rows[line], place]]] = -np.inf


def _sorted(columns: I64, scores: F64) -> tuple[I64, F64]:
    """Best first; equal scores in the order of the catalogue."""
    order = np.lexsort((columns, -scores), axis=1)
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _place(
    context: Context, reranker: Reranker, source: int, rows: I64, columns: I64, scores: F64, picks: Picks
) -> None:
    """Put what the reranker shows of these columns (best first) into the free places."""
    if reranker.diversity:
        _place_diverse(context, reranker, source, rows, columns, scores, picks)
        return
    chosen = np.where(picks.items[rows] >= 0, context.column[picks.items[rows]], -1)
    taken = reranker.capped(columns, np.isfinite(scores), chosen, picks.n - picks.count[rows])
    line, k = np.nonzero(taken)
    target = picks.count[rows[line]] + np.cumsum(taken, axis=1)[line, k] - 1
    picks.items[rows[line], target] = context.candidates[columns[line, k]]
    picks.sources[rows[line], target] = source
    picks.scores[rows[line], target] = scores[line, k]
    picks.count[rows] += taken.sum(axis=1)


def _place_diverse(
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
