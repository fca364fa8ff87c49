"""Items that go together: for each item the few that the same profiles met, by BM25-weighted co-occurrence.

BM25 (Robertson and Walker, 1994) lets neither a profile that meets everything nor an item that everybody
meets decide. ``k1`` and ``b`` were found by random search (docs/recommend.md): so strong a
normalisation leaves popularity to its own part of the blend. Only the nearest are kept, so that the matrix
stays sparse on any catalogue.
"""

from __future__ import annotations

import numpy as np
import scipy

from recommend.arrays import F64
from recommend.ratings import Pairs

BLOCK = 512


def find_neighbours(
    pairs: Pairs, items: int, *, weights: F64, keep: int = 100, k1: float = 10.0, b: float = 0.95
) -> scipy.sparse.csr_matrix:
    """Similarity of each item (row) to its ``keep`` nearest others, float64[items, items] in CSR form."""
    met = scipy.sparse.csr_matrix((weights, pairs.item, pairs.start), shape=(len(pairs.start) - 1, items))
    weighted = _bm25(met.T.tocsr(), k1, b)
    across = weighted.T.tocsr()
    blocks = [nearest(weighted[at : at + BLOCK] @ across, at, keep) for at in range(0, items, BLOCK)] or [
        scipy.sparse.csr_matrix((0, 0))
    ]
    return scipy.sparse.csr_matrix(scipy.sparse.vstack(blocks, format="csr"))


def _bm25(items: scipy.sparse.csr_matrix, k1: float, b: float) -> scipy.sparse.csr_matrix:
    """Items × profiles: ``tf · (k1 + 1) / (tf + k1 · (1 - b + b · length / mean)) · idf(profile)``."""
    profiles = items.shape[1]
    idf = np.log(max(items.shape[0], 1)) - np.log1p(np.bincount(items.indices, minlength=profiles))
    length = np.asarray(items.sum(axis=1)).ravel()
    norm = 1 - b + b * length / max(length.mean() if len(length) else 0.0, 1e-12)
    row = np.repeat(np.arange(items.shape[0]), np.diff(items.indptr))
    data = items.data * (k1 + 1) / (items.data + k1 * norm[row]) * np.maximum(idf, 0)[items.indices]
    return scipy.sparse.csr_matrix((data, items.indices, items.indptr), shape=items.shape)


def nearest(block: scipy.sparse.csr_matrix, first_row: int, keep: int) -> scipy.sparse.csr_matrix:
    """Of each row the ``keep`` largest cells, without the item itself; equal cells in order of the items."""
    indptr, indices, data = [0], [], []
    for row in range(block.shape[0]):
        cells = slice(block.indptr[row], block.indptr[row + 1])
        item, value = block.indices[cells], block.data[cells]
        other = (item != first_row + row) & (value > 0)
        item, value = item[other], value[other]
        best = np.sort(np.lexsort((item, -value))[:keep])
        best = best[np.argsort(item[best])]
        indices.append(item[best])
        data.append(value[best])
        indptr.append(indptr[-1] + len(best))
    return scipy.sparse.csr_matrix(
        (np.concatenate(data), np.concatenate(indices), np.array(indptr)), shape=block.shape
    )
