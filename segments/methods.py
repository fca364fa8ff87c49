"""The clustering methods, how many clusters there are, and whether they would be found again.

scikit-learn takes seconds to import, so it is where something is clustered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int32]

SAMPLE = 10_000
"""Rows that methods of quadratic cost see."""
SILHOUETTE_SAMPLE = 2_000
CANDIDATES = tuple(range(2, 11))
RESAMPLES = 8
STABLE = 0.6
"""Adjusted Rand index over resamples below which clusters should not be built upon."""
NEIGHBOURS = 10
"""DBSCAN's min_samples; its eps is the elbow of the distances to so many neighbours (Ester et al. 1996)."""


@dataclass(frozen=True)
class Choice:
    """How many clusters, and why: ``inertia`` and ``silhouette`` by candidate ``ks``.

    ``k`` is the one with the best silhouette; ``elbow`` the one farthest below the line between the first and
    the last inertia, for comparison.
    """

    ks: Sequence[int]
    inertia: Sequence[float]
    silhouette: Sequence[float]
    k: int
    elbow: int


@dataclass(frozen=True)
class Partition:
    """What a new row is compared with: ``points``, the cluster of each (``owners``), and how far it may
    lie."""

    points: Floats
    owners: Labels
    reach: float | None = None


def choose_k(rows: Floats, seed: int) -> Choice:
    """The number of clusters by K-Means over 2 to 10 (fewer, where there are fewer different rows)."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    distinct = len(np.unique(rows, axis=0))
    ks = [k for k in CANDIDATES if k < distinct] or [1]
    fits = [KMeans(k, n_init=3, random_state=seed).fit(rows) for k in ks]
    silhouettes = [
        float(
            silhouette_score(
                rows, fit.labels_, sample_size=min(SILHOUETTE_SAMPLE, len(rows)), random_state=seed
            )
        )
        if len(set(fit.labels_)) > 1
        else 0.0
        for fit in fits
    ]
    inertia = [float(fit.inertia_) for fit in fits]
    return Choice(ks, inertia, silhouettes, ks[int(np.argmax(silhouettes))], ks[elbow(inertia)])


def elbow(values: Sequence[float]) -> int:
    """The place of a falling curve that lies farthest below the line between its ends."""
    curve = np.asarray(values, dtype=np.float64)
    line = np.linspace(curve[0], curve[-1], len(curve))
    return int(np.argmax(line - curve))


def partition(method: str, rows: Floats, sample: npt.NDArray[np.int64], k: int, seed: int) -> Partition:
    """The clusters of ``rows`` by a method; all but K-Means look at the ``sample`` only."""
    from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
    from sklearn.neighbors import NearestNeighbors

    if method == "kmeans":
        fit = KMeans(k, n_init=5, random_state=seed).fit(rows)
        return Partition(fit.cluster_centers_, np.arange(k, dtype=np.int32))
    seen = rows[sample]
    if method == "hierarchical":
        numbers = AgglomerativeClustering(k, linkage="ward").fit_predict(seen)
        centres = np.array([seen[numbers == number].mean(axis=0) for number in range(k)])
        return Partition(centres, np.arange(k, dtype=np.int32))
    neighbours = min(NEIGHBOURS, len(seen) - 1)
    distances = np.sort(NearestNeighbors(n_neighbors=neighbours).fit(seen).kneighbors()[0][:, -1])[::-1]
    reach = max(float(distances[elbow(distances.tolist())]), 1e-9)
    dense = DBSCAN(eps=reach, min_samples=neighbours).fit(seen)
    core = dense.core_sample_indices_
    return Partition(seen[core], dense.labels_[core].astype(np.int32), reach)


def stability(rows: Floats, numbers: Labels, again: Callable[[Floats], Partition], seed: int) -> float:
    """How alike clusters of bootstrap resamples are: the mean adjusted Rand index over all ``rows``.

    Each resample is clustered anew and every row goes to the nearest point of that partition. Hubert and
    Arabie, Comparing partitions, 1985.
    """
    from sklearn.metrics import adjusted_rand_score
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(seed)
    scores: list[float] = []
    for _ in range(RESAMPLES):
        found = again(rows[rng.integers(0, len(rows), min(len(rows), SILHOUETTE_SAMPLE))])
        if len(found.owners):
            nearest = (
                NearestNeighbors(n_neighbors=1).fit(found.points).kneighbors(rows, return_distance=False)
            )
            scores.append(float(adjusted_rand_score(numbers, found.owners[nearest[:, 0]])))
    return float(np.mean(scores)) if scores else 0.0
