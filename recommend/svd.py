"""Surprise's SVD, trained in stages of falling learning rate, its last epochs averaged.

Surprise 1.1.5 has one learning rate per fit and draws its first factors with ``random_state.normal``:
profiles first, then items. ``_Carried`` hands it the factors so far in that order, which makes the next fit
go on where the last one stopped, without changing Surprise (the difference from one continuous run is
exactly 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recommend.arrays import F64

STAGES = ((12, 0.05), (5, 0.05 / 3), (4, 0.005))
"""(share of the epochs in 21sts, learning rate): found by random search on a validation window."""
AVERAGED = 4
"""How many of the last epochs are averaged."""
REGULARISATION = 0.015
INIT_STD_DEV = 0.05


class _Carried(np.random.RandomState):
    """Gives Surprise the factors of the stage before where it asks for random ones."""

    def __init__(self, *factors: F64) -> None:
        super().__init__(0)
        self._factors = list(factors)

    def normal(self, *_: Any, **__: Any) -> Any:
        """The next matrix, in the order that Surprise asks: profiles, items."""
        return self._factors.pop(0)


WARM_EPOCHS, WARM_STAGES = 8, ((4, 0.05 / 3), (4, 0.005))
"""From factors that are nearly right there is no need of large steps: the last two stages are enough."""


@dataclass(frozen=True)
class Start:
    """Factors to go on from, float64[rows, factors] of the trainset's rows; NaN in those that are new."""

    profiles: F64
    items: F64


def fit_svd(
    trainset: Any, *, factors: int, epochs: int, seed: int, start: Start | None = None
) -> tuple[F64, F64]:
    """Factors of profiles and items, float64[rows, factors], after ``epochs`` epochs in three stages.

    With ``start`` the last two stages alone, ``WARM_EPOCHS`` in all, go on from there.
    """
    from surprise import SVD  # only training needs it

    rng = np.random.RandomState(seed)
    profiles = rng.normal(0, INIT_STD_DEV, (trainset.n_users, factors))
    items = rng.normal(0, INIT_STD_DEV, (trainset.n_items, factors))
    steps = schedule(epochs)
    if start is not None:
        profiles = np.where(np.isnan(start.profiles), profiles, start.profiles)
        items = np.where(np.isnan(start.items), items, start.items)
        steps = schedule(WARM_EPOCHS, WARM_STAGES)
    sums, averaged = (np.zeros_like(profiles), np.zeros_like(items)), 0
    for number, (count, rate) in enumerate(steps):
        algorithm = SVD(
            n_factors=factors,
            n_epochs=count,
            biased=False,
            lr_all=rate,
            reg_all=REGULARISATION,
            random_state=_Carried(profiles, items),
        ).fit(trainset)
        profiles, items = algorithm.pu, algorithm.qi
        if number >= len(steps) - AVERAGED:
            sums = (sums[0] + profiles, sums[1] + items)
            averaged += 1
    return sums[0] / averaged, sums[1] / averaged


def schedule(epochs: int, stages: tuple[tuple[int, float], ...] | None = None) -> list[tuple[int, float]]:
    """(epochs, learning rate) of each fit; the epochs to be averaged are fits of one epoch each."""
    stages = stages or STAGES
    total = sum(share for share, _ in stages)
    ends = [round(epochs * sum(share for share, _ in stages[: k + 1]) / total) for k in range(len(stages))]
    rates = [rate for k, (_, rate) in enumerate(stages) for _ in range(ends[k] - (ends[k - 1] if k else 0))]
    single = max(0, epochs - AVERAGED)
    steps: list[tuple[int, float]] = []
    for epoch, rate in enumerate(rates):
        if steps and epoch < single and steps[-1][1] == rate:
            steps[-1] = (steps[-1][0] + 1, rate)
        else:
            steps.append((1, rate))
    return steps
