"""Which of the best-scored items are shown together: at most so many of a category, not all alike.

Diversity is maximal marginal relevance (Carbonell and Goldstein, 1998): the next item is the one with the
largest ``(1 - diversity) · score - diversity · likeness to the most alike already chosen``, scores scaled to
0…1 over the pool, likeness the cosine of the items' words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from recommend.arrays import F64, I64, Mask
from recommend.context import Context

POOL = 8
"""Items considered for each one shown; the whole catalogue where caps leave places free."""


@dataclass(frozen=True)
class Reranker:
    """Caps and diversity of one call; per column of the candidates."""

    category: I64
    cap: int | None
    diversity: float
    words: scipy.sparse.csr_matrix | None

    @property
    def idle(self) -> bool:
        """Whether scores alone decide."""
        return self.cap is None and not self.diversity

    def capped(self, columns: I64, open_: Mask, chosen: I64, free: I64) -> Mask:
        """Which cells of ``columns`` (int64[rows, k], best first) are shown where scores and caps decide.

        ``open_`` marks those that may be, ``chosen`` (int64[rows, m], -1: none) what is shown already,
        ``free`` the places left of each row. The same as ``choose`` row by row, for all rows at once: an
        item finds its category full when those before it, shown or to be shown, are as many as the cap.
        """
        if self.cap is not None:
            # An item without a category belongs to none that could be full.
            mine = np.where(open_, self.category[columns], -1)
            others = np.where(chosen >= 0, self.category[chosen], -1)
            shown = np.zeros((len(columns), int(self.category.max(initial=-1)) + 2), np.int64)
            line, place = np.nonzero(others >= 0)
            np.add.at(shown, (line, others[line, place]), 1)
            before = _earlier_equals(mine) + np.take_along_axis(shown, mine, axis=1)
            open_ = open_ & ((before < self.cap) | (mine < 0))
        taken: Mask = open_ & (np.cumsum(open_, axis=1) <= free[:, None])
        return taken

    def choose(self, columns: I64, scores: F64, chosen: I64, free: int) -> I64:
        """Places in ``columns`` (best first) of the items to show, at most ``free``, in order of showing.

        ``chosen`` are columns that the profile is shown already.
        """
        likeness, worth = self._likeness(columns, chosen), _scaled(scores)
        known = len(chosen)
        nearest = likeness[:, :known].max(axis=1) if known else np.zeros(len(columns))
        counts = np.bincount(self.category[chosen] + 1, minlength=int(self.category.max(initial=-1)) + 2)
        open_: Mask = np.isfinite(scores)
        places: list[int] = []
        while len(places) < free:
            allowed = open_ & self._below_cap(columns, counts)
            if not allowed.any():
                break
            value = (1 - self.diversity) * worth - self.diversity * nearest
            place = int(np.argmax(np.where(allowed, value, -np.inf)))
            places.append(place)
            open_[place] = False
            counts[self.category[columns[place]] + 1] += 1
            nearest = np.maximum(nearest, likeness[:, known + place])
        return np.array(places, np.int64)

    def _below_cap(self, columns: I64, counts: I64) -> Mask:
        category = self.category[columns]
        if self.cap is None:
            return np.ones(len(columns), bool)
        # An item without a category belongs to none that could be full.
        free: Mask = (counts[category + 1] < self.cap) | (category < 0)
        return free

    def _likeness(self, columns: I64, chosen: I64) -> F64:
        if self.words is None:
            return np.zeros((len(columns), len(chosen) + len(columns)))
        others = self.words[np.concatenate([chosen, columns])]
        found: F64 = (self.words[columns] @ others.T).toarray()
        return found


def open_reranker(context: Context) -> Reranker:
    """The reranker that the spec asks for."""
    return Reranker(
        category=context.catalogue.category[context.candidates],
        cap=context.spec.max_per_category,
        diversity=context.spec.diversity,
        words=context.words[context.candidates] if context.spec.diversity else None,
    )


def _earlier_equals(values: I64) -> I64:
    """Of each cell of int64[rows, k] how many cells before it in its row are equal to it."""
    order = np.argsort(values, axis=1, kind="stable")
    ranked = np.take_along_axis(values, order, axis=1)
    place = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    first = np.ones(values.shape, bool)
    first[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    begun = np.maximum.accumulate(np.where(first, place, 0), axis=1)
    found = np.empty(values.shape, np.int64)
    np.put_along_axis(found, order, place - begun, axis=1)
    return found


def _scaled(scores: F64) -> F64:
    inside = np.isfinite(scores)
    if not inside.any():
        return np.zeros(len(scores))
    finite = scores[inside]
    span = finite.max() - finite.min()
    scaled: F64 = (np.where(inside, scores, finite.min()) - finite.min()) / (span if span > 0 else 1.0)
    return scaled
