"""How good a ranking is: each figure per profile, so that it can be averaged over any group.

nDCG as Järvelin and Kekäläinen (2002) with binary relevance; average precision divided by the smaller of n
and the number of relevant items; novelty as Zhou et al. (2010): the mean of ``-log2`` of an item's share of
profiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from recommend.arrays import F64, I32, I64


@dataclass(frozen=True)
class Metrics:
    """Means over profiles with something to find, all at ``n`` items; coverage and novelty over all shown."""

    profiles: int
    """Profiles with at least one relevant item: the others cannot be judged."""
    ndcg: float
    recall: float
    map: float
    hit_rate: float
    coverage: float
    """Share of the catalogue that anybody is shown."""
    novelty: float
    """Bits: how surprising the shown items are on average."""


@dataclass(frozen=True)
class Judged:
    """Per judged profile its nDCG, recall, average precision and whether anything was hit."""

    rows: I64
    ndcg: F64
    recall: F64
    precision: F64
    hit: F64


def judge(items: I32 | I64, relevant: scipy.sparse.csr_matrix) -> Judged:
    """Judge recommended items (int[rows, n], -1: none) against relevant ones (rows × items, non-zero)."""
    rows, n = items.shape
    width = max(relevant.shape[1], 1)
    wanted = np.diff(relevant.indptr)
    key = np.sort(np.repeat(np.arange(rows), wanted) * width + relevant.indices)
    asked = np.arange(rows)[:, None] * width + items
    place = np.minimum(np.searchsorted(key, asked), max(len(key) - 1, 0))
    found = (key[place] == asked) & (items >= 0) if len(key) else np.zeros(items.shape, bool)
    judged = np.flatnonzero(wanted)
    found, wanted = found[judged].astype(np.float64), wanted[judged]
    gain = 1 / np.log2(np.arange(n) + 2)
    ideal = np.concatenate([[0.0], np.cumsum(gain)])[np.minimum(wanted, n)]
    precision = np.cumsum(found, axis=1) / np.arange(1, n + 1)
    return Judged(
        rows=judged,
        ndcg=(found * gain).sum(axis=1) / np.maximum(ideal, 1e-12),
        recall=found.sum(axis=1) / wanted,
        precision=(precision * found).sum(axis=1) / np.maximum(np.minimum(wanted, n), 1),
        hit=np.asarray(found.any(axis=1), np.float64),
    )


def summarise(judged: Judged, items: I32 | I64, share: F64) -> Metrics:
    """Means of the judged profiles; ``share`` is of each item the share of profiles that met it."""
    shown = items[items >= 0]
    surprise = -np.log2(np.maximum(share, 1 / 2**20))
    return Metrics(
        profiles=len(judged.rows),
        ndcg=_mean(judged.ndcg),
        recall=_mean(judged.recall),
        map=_mean(judged.precision),
        hit_rate=_mean(judged.hit),
        coverage=len(np.unique(shown)) / max(len(share), 1),
        novelty=_mean(surprise[shown]),
    )


def _mean(values: F64) -> float:
    return float(values.mean()) if len(values) else 0.0
