"""Surprise's algorithms, each fitted and then exported to plain arrays.

Without explicit ratings all of them are shown sampled negatives beside the positives, because from positives
alone none of them learns to rank. What an algorithm knows is exported whole: SVD, SVD++, NMF and the
baselines to factors and biases whose product is Surprise's ``estimate``; KNN to its similarity of items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy
from surprise import NMF, SVD, BaselineOnly, KNNBasic, SVDpp
from threadpoolctl import threadpool_limits

from mailwright.errors import DataError
from mailwright.model.workspace import RecommendSpec
from recommend.arrays import F64
from recommend.foldin import Folding, crowd_of, fold_met
from recommend.neighbours import nearest
from recommend.ratings import Pairs
from recommend.sampling import RatedTrainset, SampledTrainset, rated_sample
from recommend.svd import WARM_EPOCHS, Start, fit_svd

MOST_KNN_ITEMS = 10_000
"""Surprise keeps several dense items × items matrices while it counts: 10,000 items take 3 GB."""
KNN_SHRINKAGE = 100
KEPT_NEIGHBOURS = 100


@dataclass(frozen=True)
class Fitted:
    """What is left of an algorithm: ``mean + profile_bias + item_bias + profile_factors · item_factors``."""

    profile_factors: F64
    item_factors: F64
    profile_bias: F64
    item_bias: F64
    mean: float = 0.0
    crowd: F64 | None = None
    """float64[factors]: what folding in draws profiles towards; None: nothing."""
    neighbours: Any = None
    """The algorithm's own similarity of items, where it has one (CSR)."""


@dataclass(frozen=True)
class _Task:
    pairs: Pairs
    items: int
    spec: RecommendSpec
    seed: int
    start: Start | None
    on_epoch: Callable[[], None]

    @property
    def profiles(self) -> int:
        return len(self.pairs.start) - 1

    def trainset(self) -> Any:
        if self.spec.rating is not None:
            return RatedTrainset(self.pairs, self.items, self.pairs.rating, on_epoch=self.on_epoch)
        return SampledTrainset(
            self.pairs, self.items, negatives=self.spec.negatives, seed=self.seed, on_epoch=self.on_epoch
        )

    def biased(self, algorithm: Any, factors: tuple[F64, F64]) -> Fitted:
        return Fitted(*factors, algorithm.bu, algorithm.bi, float(algorithm.trainset.global_mean))

    def no_factors(self) -> tuple[F64, F64]:
        return np.zeros((self.profiles, 1)), np.zeros((self.items, 1))


def fit_algorithm(
    pairs: Pairs,
    items: int,
    spec: RecommendSpec,
    *,
    seed: int,
    start: Start | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Fitted:
    """The algorithm that ``spec.algorithm`` names, fitted; all zeros where there is nothing to learn from.

    ``start`` are factors to go on from, which SVD over sampled negatives can. Raises DataError for KNN on a
    catalogue that is too large for it.
    """
    epochs = spec.epochs if start is None else WARM_EPOCHS
    epoch = iter(range(epochs + 1))

    def tell() -> None:
        if progress is not None and (done := next(epoch, None)) is not None:
            progress(done, epochs)

    task = _Task(pairs, items, spec, seed, start, tell)
    if not len(pairs.item):
        return Fitted(*task.no_factors(), np.zeros(task.profiles), np.zeros(items))
    fitted = ALGORITHMS[spec.algorithm](task)
    if progress is not None:
        progress(epochs, epochs)
    return fitted


def mean_weight(pairs: Pairs) -> float:
    """What folding in measures a pair's weight against; 1 where there is none."""
    return float(pairs.weight.mean()) if len(pairs.item) else 1.0


def _svd(task: _Task) -> Fitted:
    trainset, spec = task.trainset(), task.spec
    if spec.rating is None:
        _, items = fit_svd(
            trainset, factors=spec.factors, epochs=spec.epochs, seed=task.seed, start=task.start
        )
        to, everybody = Folding(items, np.arange(task.items), spec.half_life_days), np.arange(task.profiles)
        typical = mean_weight(task.pairs)
        # One thread, since the last bits of a product depend on how many share it.
        with threadpool_limits(limits=1, user_api="blas"):
            alone = fold_met(task.pairs, to, typical)(everybody)
            crowd = crowd_of(alone, task.pairs, spec.half_life_days)
            profiles = fold_met(task.pairs, replace(to, crowd=crowd), typical)(everybody)
        return Fitted(profiles, items, np.zeros(task.profiles), np.zeros(task.items), crowd=crowd)
    fitted = SVD(n_factors=spec.factors, n_epochs=spec.epochs, random_state=task.seed).fit(trainset)
    return task.biased(fitted, (fitted.pu, fitted.qi))


def _svdpp(task: _Task) -> Fitted:
    spec = task.spec
    algorithm = SVDpp(
        n_factors=spec.factors, n_epochs=spec.epochs, random_state=task.seed, cache_ratings=True
    )
    fitted = algorithm.fit(task.trainset())
    met = scipy.sparse.csr_matrix(
        (np.ones(len(task.pairs.item)), task.pairs.item, task.pairs.start), shape=(task.profiles, task.items)
    )
    implied = (met @ fitted.yj) / np.sqrt(np.maximum(task.pairs.count, 1))[:, None]
    return task.biased(fitted, (fitted.pu + implied, fitted.qi))


def _nmf(task: _Task) -> Fitted:
    fitted = NMF(n_factors=task.spec.factors, n_epochs=task.spec.epochs, random_state=task.seed).fit(
        task.trainset()
    )
    return Fitted(fitted.pu, fitted.qi, np.zeros(task.profiles), np.zeros(task.items))


def _baseline(task: _Task) -> Fitted:
    options = {"method": "sgd", "n_epochs": task.spec.epochs}
    return task.biased(
        BaselineOnly(bsl_options=options, verbose=False).fit(task.trainset()), task.no_factors()
    )


def _knn(task: _Task) -> Fitted:
    if task.items > MOST_KNN_ITEMS:
        raise DataError(
            f"knn compares all pairs of items, which is too much for {task.items} of them",
            fix="set recommend.algorithm: svd",
        )
    pairs, rating = task.pairs, task.pairs.rating
    if task.spec.rating is None:
        # KNN compares ratings where both items were rated, so it is given one sample of negatives for good.
        pairs, rating = rated_sample(pairs, task.items, negatives=task.spec.negatives, seed=task.seed)
    trainset = RatedTrainset(pairs, task.items, rating, on_epoch=task.on_epoch)
    options = {"name": "pearson_baseline", "user_based": False, "shrinkage": KNN_SHRINKAGE}
    fitted = KNNBasic(sim_options=options, bsl_options={"method": "sgd"}, verbose=False).fit(trainset)
    similar = nearest(scipy.sparse.csr_matrix(fitted.sim), 0, KEPT_NEIGHBOURS)
    return Fitted(*task.no_factors(), np.zeros(task.profiles), np.zeros(task.items), neighbours=similar)


ALGORITHMS: dict[str, Callable[[_Task], Fitted]] = {
    "svd": _svd,
    "svdpp": _svdpp,
    "nmf": _nmf,
    "baseline": _baseline,
    "knn": _knn,
}
"""The names that ``recommend.algorithm`` takes."""
