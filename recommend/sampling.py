"""A Surprise trainset that teaches ranking: positives at 1, sampled items that were not met at 0.

Surprise's SVD learns to predict the ratings it is shown; shown positives alone it ranks worse than plain
popularity. ``all_ratings`` is called once per epoch by every SGD algorithm of Surprise, so drawing there
gives new negatives each epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, pairwise

import numpy as np
from surprise import Trainset

from mailwright.errors import DataError
from recommend.arrays import F64, I64
from recommend.ratings import Pairs

CHUNK = 262_144
"""Ratings turned into Python objects at a time; bounds the memory of an epoch."""


class RatedTrainset(Trainset):  # type: ignore[misc]
    """Pairs with the ratings given, inner ids being row numbers.

    Surprise's Cython does not check ids: one out of range crashes the process, so they are checked here.
    """

    def __init__(self, pairs: Pairs, items: int, rating: F64, *, on_epoch: Callable[[], None]) -> None:
        profiles = len(pairs.start) - 1
        _check(pairs, items)
        self._on_epoch = on_epoch
        order = np.argsort(pairs.item, kind="stable")
        item_start = np.searchsorted(pairs.item[order], np.arange(items + 1)).astype(np.int64)
        super().__init__(
            _Rows(pairs.start, pairs.item, rating),
            _Rows(item_start, pairs.profile[order], rating[order]),
            profiles,
            items,
            len(pairs.item),
            (float(rating.min()), float(rating.max())),
            range(profiles),
            range(items),
        )

    def all_ratings(self) -> Iterator[tuple[int, int, float]]:
        """Every rating once; called at the beginning of each epoch."""
        self._on_epoch()
        return iter(super().all_ratings())


class SampledTrainset(RatedTrainset):
    """Positives in proportion to their strength, ``negatives`` uniform items beside each, shuffled.

    A negative that the profile has met is replaced by a target of 1, not drawn again:
    it is one positive more, which keeps an epoch's length fixed.
    """

    def __init__(
        self, pairs: Pairs, items: int, *, negatives: int, seed: int, on_epoch: Callable[[], None]
    ) -> None:
        super().__init__(pairs, items, np.ones(len(pairs.item)), on_epoch=on_epoch)
        self._pairs, self._negatives = pairs, negatives
        self._profile, self._cumulative = pairs.profile, np.cumsum(pairs.strength)
        self._keys = self._profile * items + pairs.item
        self._rng = np.random.default_rng(seed)
        self.rating_scale = (0, 1)
        self._global_mean = 1 / (1 + negatives)

    def all_ratings(self) -> Iterator[tuple[int, int, float]]:
        """One epoch's ratings, drawn anew; the order is random and the draw depends on the seed alone."""
        self._on_epoch()
        positives = len(self._pairs.item)
        # Systematic sampling: each pair comes up within one of its expected number of times.
        ticks = (np.arange(positives) + self._rng.random()) * (self._cumulative[-1] / positives)
        chosen = np.minimum(np.searchsorted(self._cumulative, ticks, side="right"), positives - 1)
        order = self._rng.permutation(positives * (1 + self._negatives))
        return chain.from_iterable(
            self._draw(chosen, order[at : at + CHUNK]) for at in range(0, len(order), CHUNK)
        )

    def _draw(self, chosen: I64, slots: I64) -> Iterator[tuple[int, int, float]]:
        """The ratings of some slots; slot ``k`` belongs to positive ``k % positives``, first itself."""
        source = chosen[slots % len(chosen)]
        profile, item = self._profile[source], self._pairs.item[source].copy()
        negative = slots >= len(chosen)
        item[negative] = self._rng.integers(self.n_items, size=int(negative.sum()))
        key = profile * self.n_items + item
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        target = (self._keys[place] == key).astype(np.float64)
        return zip(profile.tolist(), item.tolist(), target.tolist(), strict=True)


def _check(pairs: Pairs, items: int) -> None:
    if not len(pairs.item):
        raise DataError("there is no interaction to learn from", fix="check the interactions file")
    if pairs.item.min() < 0 or pairs.item.max() >= items or pairs.start[-1] != len(pairs.item):
        raise DataError("an interaction names an item that is not in the catalogue")


class _Rows(dict[int, list[tuple[int, float]]]):
    """Surprise's ``ur`` or ``ir``: row → (the other id, rating); a row without any is empty."""

    def __init__(self, start: I64, other: I64, rating: F64) -> None:
        pairs = list(zip(other.tolist(), rating.tolist(), strict=True))
        bounds = start.tolist()
        super().__init__(
            (row, pairs[low:high]) for row, (low, high) in enumerate(pairwise(bounds)) if high > low
        )

    def __missing__(self, row: int) -> list[tuple[int, float]]:
        return []


def rated_sample(pairs: Pairs, items: int, *, negatives: int, seed: int) -> tuple[Pairs, F64]:
    """The pairs rated 1 and, beside each, ``negatives`` uniform items rated 0, drawn once, sorted."""
    profiles = len(pairs.start) - 1
    met = pairs.profile * items + pairs.item
    drawn = np.random.default_rng(seed).integers(items, size=len(met) * negatives)
    others = np.setdiff1d(np.repeat(pairs.profile, negatives) * items + drawn, met)
    key = np.concatenate([met, others])
    order = np.argsort(key, kind="stable")
    rating = np.repeat([1.0, 0.0], [len(met), len(others)])[order]
    start = np.searchsorted(key[order] // items, np.arange(profiles + 1)).astype(np.int64)
    return replace(pairs, start=start, item=key[order] % items), rating
