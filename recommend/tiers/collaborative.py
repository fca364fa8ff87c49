"""Collaborative: what profiles of the same taste like, blended with what sells now and what goes together."""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Source
from recommend.arrays import F32, F64, I64, Mask
from recommend.context import Context
from recommend.history import find_causes, own_history, tell_cause
from recommend.tiers import Scored

ORDER = 10
ALIKE = 0.1
"""Least cosine of two items' factors for one to be named as the reason of the other."""


def open_tier(context: Context) -> Collaborative:
    return Collaborative(context)


class Collaborative:
    """Each part is standardised over the profile's candidates, so that weights compare:

    ``factors · z(p·q + b) + neighbours · z(history @ similarity) + popularity · z(log popularity) + own``.
    """

    source = Source.COLLABORATIVE

    def __init__(self, context: Context) -> None:
        self._context, self._blend = context, context.spec.blend
        rows = context.model_item[context.candidates]
        self._known = rows >= 0
        self._items = self._item_side(rows)
        self._profiles = self._profile_side(self._items[self._known])
        self._bias = self._static()
        self._matrix = np.column_stack([self._items, self._bias]).astype(np.float32)
        self._similar = context.neighbours[:, context.candidates].tocsr()
        self._own = own_history(context)
        self._margin = context.spec.margin

    def applies(self) -> Mask:
        enough: Mask = self._context.pairs.count >= self._context.spec.min_interactions
        return enough & bool(self._known.any())

    def score(self, rows: I64) -> Scored:
        profiles = np.column_stack([self._profiles[rows], np.ones(len(rows))]).astype(np.float32)
        block: F32 = profiles @ self._matrix.T
        extra = self._extra(rows)
        if extra is not None:
            block += extra
        if self._margin is not None:
            block[block - self._bias.astype(np.float32) < self._margin] = -np.inf

        def settle(columns: I64) -> F64:
            exact: F64 = (self._profiles[rows][:, None, :] * self._items[columns]).sum(axis=2)
            exact += self._bias[columns]
            return exact if extra is None else exact + np.take_along_axis(extra, columns, axis=1)

        return Scored(block, settle)

    def because(self, rows: I64, items: I64) -> I64:
        model, place = self._context.model, self._context.model_item
        length = np.linalg.norm(model.item_factors, axis=1, keepdims=True)
        unit = np.vstack(
            [model.item_factors / np.maximum(length, 1e-12), np.zeros(model.item_factors.shape[1])]
        )

        def alike(left: I64, right: I64) -> F64:
            found: F64 = (unit[place[left]] * unit[place[right]]).sum(axis=1)
            return found

        return find_causes(self._context.pairs, rows, items, alike, ALIKE)

    def reason(self, code: int) -> str:
        return tell_cause(self._context, code, "chosen by what you like")

    def _item_side(self, rows: I64) -> F64:
        """Factors, bias and a 1 of each candidate; zeros for one that the model does not know."""
        model = self._context.model
        side = np.column_stack([model.item_factors, model.item_bias, np.ones(len(model.item_bias))])
        return np.where((rows >= 0)[:, None], side[rows], 0.0)

    def _profile_side(self, items: F64) -> F64:
        """What a profile's row is multiplied with, so that the product is ``factors · z``.

        The mean and variance over all candidates of a linear score are linear and quadratic forms of the
        items' mean and covariance, so no row of scores has to be made to standardise it.
        """
        rows = np.column_stack(
            [
                self._context.factors,
                np.ones(self._context.profiles.num_rows),
                np.zeros(self._context.profiles.num_rows),
            ]
        )
        if not len(items):
            return rows * 0
        mean, spread = items.mean(axis=0), np.atleast_2d(np.cov(items, rowvar=False, bias=True))
        deviation = np.sqrt(np.maximum(((rows @ spread) * rows).sum(axis=1), 1e-24))
        rows[:, -1] = -(rows @ mean)
        scaled: F64 = self._blend.factors * rows / deviation[:, None]
        return scaled

    def _static(self) -> F64:
        """What is the same for all profiles: popularity; -inf for items that the model does not know."""
        wanted = np.log1p(self._context.popularity[self._context.candidates])
        spread = wanted.std() if len(wanted) else 0.0
        part = self._blend.popularity * (wanted - wanted.mean()) / spread if spread > 0 else wanted * 0
        return np.where(self._known, part, -np.inf)

    def _extra(self, rows: I64) -> F32 | None:
        """The parts that are not linear in the factors: neighbours, and what is bought again and again."""
        if not self._blend.neighbours and self._own is None:
            return None
        extra: F32 = np.zeros((len(rows), len(self._bias)), np.float32)
        if self._blend.neighbours:
            extra = (self._context.history[rows] @ self._similar).toarray().astype(np.float32)
            extra *= self._blend.neighbours / np.maximum(extra.std(axis=1, keepdims=True), 1e-12)
        if self._own is not None:
            extra += self._blend.own * self._own[rows].toarray().astype(np.float32)
        return extra
