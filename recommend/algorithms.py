"""Surprise's algorithms, each fitted and then exported to plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mailwright.model.workspace import RecommendSpec
from recommend.arrays import F64
from recommend.ratings import Events, Pairs
from recommend.sampling import SampledTrainset
from recommend.svd import fit_svd


@dataclass(frozen=True)
class Fitted:
    """What is left of an algorithm: ``mean + profile_bias + item_bias + profile_factors · item_factors``."""

    profile_factors: F64
    item_factors: F64
    profile_bias: F64
    item_bias: F64
    mean: float = 0.0
    neighbours: Any = None
    """The algorithm's own similarity of items, where it has one (CSR)."""


def fit_algorithm(
    pairs: Pairs,
    events: Events,  # noqa: ARG001 explicit ratings come from here
    items: int,
    spec: RecommendSpec,
    *,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> Fitted:
    """The algorithm that the spec names, fitted on sampled negatives."""
    profiles = len(pairs.start) - 1
    if not len(pairs.item):
        return Fitted(np.zeros((profiles, 1)), np.zeros((items, 1)), np.zeros(profiles), np.zeros(items))
    epoch = iter(range(spec.epochs + 1))

    def tell() -> None:
        if progress is not None:
            progress(next(epoch), spec.epochs)

    trainset = SampledTrainset(pairs, items, negatives=spec.negatives, seed=seed, on_epoch=tell)
    factors = fit_svd(trainset, factors=spec.factors, epochs=spec.epochs, seed=seed)
    tell()
    return Fitted(*factors, np.zeros(profiles), np.zeros(items))
