"""The trained model: factors, neighbours and what they were made of. Immutable; every array is read-only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import scipy

from recommend.arrays import F64, I64


@dataclass(frozen=True)
class ModelInfo:
    """What is written down with a model."""

    trained_at: str
    """ISO 8601, UTC: the ``now`` of the training."""
    algorithm: str
    parameters: dict[str, Any]
    seed: int
    profiles: int
    items: int
    pairs: int
    dropped: dict[str, int]
    """Interactions that could not be used: cause → rows."""
    typical_weight: float
    """Mean weight of a pair; folding in measures against it."""
    mean: float
    """Surprise's global mean, 0 where the algorithm has no use for it."""
    tuning: dict[str, Any] | None = None
    """What the search for parameters tried and found, when there was one."""
    started_from: str | None = None
    """Fingerprint of the model whose factors training went on from; None: from random ones."""


@dataclass(frozen=True)
class Model:
    """Scores are ``profile_factors · item_factors + profile_bias + item_bias + mean``."""

    profile_ids: Any
    """Sorted Arrow array of strings."""
    item_ids: Any
    profile_factors: F64
    item_factors: F64
    profile_bias: F64
    item_bias: F64
    crowd: F64
    """float64[factors]: what folding in draws profiles towards (``foldin``); zeros where to nothing."""
    seen_events: I64
    """How many events each profile had at training."""
    seen_last: I64
    """When the last of them was, in microseconds since 1970."""
    neighbour_start: I64
    neighbour_item: I64
    neighbour_weight: F64
    """The similarity of items, in CSR form."""
    info: ModelInfo
    fingerprint: str
    """Covers every array and parameter, not the time that training took."""
    seconds: float
    """How long training took."""

    @cached_property
    def neighbours(self) -> scipy.sparse.csr_matrix:
        """float64[items, items]: how much the item of the column goes with the item of the row."""
        size = len(self.item_ids)
        return scipy.sparse.csr_matrix(
            (self.neighbour_weight, self.neighbour_item, self.neighbour_start), shape=(size, size)
        )

    def estimate(self, profiles: I64, items: I64) -> F64:
        """What Surprise's ``estimate`` gives for these rows of profiles and items, float64."""
        dot: F64 = (self.profile_factors[profiles] * self.item_factors[items]).sum(axis=-1)
        return dot + self.profile_bias[profiles] + self.item_bias[items] + self.info.mean
