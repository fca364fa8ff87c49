"""The recommenders that ours is compared with: implicit's ALS, BPR and BM25 item-item, and EASE.

Each has a space of parameters for the random search and a ``fit`` that returns the scores of all profiles and
items (float32, dense). Each may fade purchases with age, as ours does, where it can use weights at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg.lapack import dpotrf, dpotri
from threadpoolctl import threadpool_limits

from bench.retail import Shop
from recommend.arrays import F32

FADE = (None, 7.0, 14.0, 42.0, 84.0)
COUNT = ("one", "log", "days")


@dataclass(frozen=True)
class Peer:
    space: Mapping[str, tuple[Any, ...]]
    fit: Callable[[Shop, Mapping[str, Any], int], F32]
    seeded: bool = True
    """Whether another seed gives another result."""


def weights(shop: Shop, count: str, fade: float | None) -> sparse.csr_matrix:
    """Profiles × items: purchases, counted so, halved every ``fade`` days but never below a fifth."""
    found = shop.bought.copy().astype(np.float32)
    if count == "one":
        found.data[:] = 1
    elif count == "log":
        found.data = np.log1p(found.data)
    if fade is not None:
        found.data *= 0.2 + 0.8 * np.exp2(-shop.age.data / fade)
    return sparse.csr_matrix(found)


def als(shop: Shop, p: Mapping[str, Any], seed: int) -> F32:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=p["factors"],
        regularization=p["regularization"],
        alpha=p["alpha"],
        iterations=p["iterations"],
        random_state=seed,
    )
    with threadpool_limits(1, user_api="blas"):
        model.fit(weights(shop, p["count"], p["fade"]), show_progress=False)
    return np.asarray(model.user_factors @ model.item_factors.T, np.float32)


def bpr(shop: Shop, p: Mapping[str, Any], seed: int) -> F32:
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(
        factors=p["factors"],
        learning_rate=p["learning_rate"],
        regularization=p["regularization"],
        iterations=p["iterations"],
        random_state=seed,
        num_threads=1,  # more than one and the result depends on their race
    )
    model.fit(weights(shop, "one", None), show_progress=False)
    return np.asarray(model.user_factors @ model.item_factors.T, np.float32)


def item_item(shop: Shop, p: Mapping[str, Any], seed: int) -> F32:  # noqa: ARG001
    from implicit.nearest_neighbours import BM25Recommender

    matrix = weights(shop, p["count"], p["fade"])
    model = BM25Recommender(K=p["K"], K1=p["K1"], B=p["B"])
    model.fit(matrix, show_progress=False)
    return np.asarray((matrix @ model.similarity).toarray(), np.float32)


def ease(shop: Shop, p: Mapping[str, Any], seed: int) -> F32:  # noqa: ARG001
    """Steck, "Embarrassingly shallow autoencoders" (2019): one inverse of items × items."""
    matrix = weights(shop, p["count"], p["fade"])
    gram = (matrix.T @ matrix).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += p["lambda"]
    inverse = dpotri(dpotrf(gram, lower=1)[0], lower=1)[
        0
    ]  # the Cholesky way: half the work of a general inverse
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weight = -inverse / np.diag(inverse)
    weight[np.diag_indices_from(weight)] = 0
    return np.asarray(matrix @ weight, np.float32)


PEERS = {
    "implicit_als": Peer(
        {
            "factors": (16, 32, 64, 96, 128, 192),
            "regularization": (0.01, 0.1, 0.5, 1.0, 5.0, 20.0, 50.0, 100.0, 200.0),
            "alpha": (1.0, 2.0, 5.0, 10.0, 20.0, 40.0),
            "iterations": (8, 15, 25, 50),
            "count": COUNT,
            "fade": FADE,
        },
        als,
    ),
    "implicit_bpr": Peer(
        {
            "factors": (16, 32, 64, 96, 128, 192, 256),
            "learning_rate": (0.001, 0.003, 0.01, 0.03, 0.1),
            "regularization": (0.0, 0.00001, 0.0001, 0.001, 0.01, 0.03, 0.1),
            "iterations": (10, 25, 50, 100, 200, 400, 800),
        },
        bpr,
    ),
    "item_item": Peer(
        {
            "K": (20, 50, 100, 300, 1000, 4000),
            "K1": (0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0, 20.0, 50.0, 100.0),
            "B": (0.0, 0.25, 0.5, 0.75, 0.85, 0.95, 1.0),
            "count": COUNT,
            "fade": FADE,
        },
        item_item,
        seeded=False,
    ),
    "ease": Peer(
        {
            "lambda": (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0),
            "count": COUNT,
            "fade": FADE,
        },
        ease,
        seeded=False,
    ),
}
