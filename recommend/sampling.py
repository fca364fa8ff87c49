"""A Surprise trainset that teaches ranking: positives at 1, sampled items that were not met at 0.

Surprise's SVD learns to predict the ratings it is shown; shown positives alone it ranks worse than plain
popularity. ``all_ratings`` is called once per epoch by every SGD algorithm of Surprise, so drawing there
gives new negatives each epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np
from surprise import Trainset

from mailwright.errors import DataError
from recommend.arrays import I64
from recommend.ratings import Pairs

CHUNK = 262_144
"""Ratings turned into Python objects at a time; bounds the memory of an epoch."""


class SampledTrainset(Trainset):  # type: ignore[misc]
    """Positives in proportion to their strength, ``negatives`` uniform items beside each, shuffled.

    Inner ids are row numbers. Surprise's Cython does not check them: one out of range crashes the process, so
    they are checked here. A negative that the profile has met is replaced by a target of 1, not drawn again:
    it is one positive more, which keeps an epoch's length fixed.
    """

    def __init__(
        self, pairs: Pairs, items: int, *, negatives: int, seed: int, on_epoch: Callable[[], None]
    ) -> None:
        profiles = len(pairs.start) - 1
        _check(pairs, items)
        self._pairs, self._negatives = pairs, negatives
        self._profile, self._cumulative = pairs.profile, np.cumsum(pairs.strength)
        self._keys = self._profile * items + pairs.item
        self._rng = np.random.default_rng(seed)
        self._on_epoch = on_epoch
        super().__init__(
            _ratings_of(pairs.start, pairs.item, profiles),
            _ratings_of(*_transposed(pairs, items), items),
            profiles,
            items,
            len(pairs.item),
            (0, 1),
            range(profiles),
            range(items),
        )
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


def _ratings_of(start: I64, other: I64, rows: int) -> dict[int, list[tuple[int, float]]]:
    """Surprise's ``ur`` or ``ir``: row → the others it met, each rated 1; rows without any are left out."""
    found = {}
    for row in range(rows):
        if start[row + 1] > start[row]:
            found[row] = [(int(one), 1.0) for one in other[start[row] : start[row + 1]]]
    return found


def _transposed(pairs: Pairs, items: int) -> tuple[I64, I64]:
    order = np.argsort(pairs.item, kind="stable")
    return np.searchsorted(pairs.item[order], np.arange(items + 1)).astype(np.int64), pairs.profile[order]
