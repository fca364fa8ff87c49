"""Collaborative: what profiles of the same taste like, blended with what sells now and what goes together."""

from __future__ import annotations

import numpy as np
import scipy

from mailwright.model.recommendation import Reason, Source
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

    source: str = Source.COLLABORATIVE

    def __init__(self, context: Context) -> None:
        self._context, self._blend, self._margin = context, context.spec.blend, context.spec.margin
        rows = context.model_item[context.candidates]
        self._known = rows >= 0
        self._items = self._item_side(rows)
        known = self._items[self._known]
        self._mean = known.mean(axis=0) if len(known) else known.sum(axis=0)
        self._spread = (
            np.atleast_2d(np.cov(known, rowvar=False, bias=True)) if len(known) else 0 * known.T @ known
        )
        self._bias = self._static()
        self._matrix = np.column_stack([self._items, self._bias]).astype(np.float32)
        self._similar = context.neighbours[:, context.candidates].tocsr()
        self._own = own_history(context)

    def applies(self) -> Mask:
        enough: Mask = self._context.pairs.count >= self._context.spec.min_interactions
        return enough & bool(self._known.any())

    def groups(self) -> None:
        return None

    def score(self, rows: I64) -> Scored:
        profiles = self._profile_side(rows)
        block: F32 = np.column_stack([profiles, np.ones(len(rows))]).astype(np.float32) @ self._matrix.T
        extra = self._extra(rows)
        if extra is not None:
            line = np.repeat(np.arange(len(rows)), np.diff(extra.indptr))
            block[line, extra.indices] += extra.data.astype(np.float32)
        if self._margin is not None:
            block[block - self._bias.astype(np.float32) < self._margin] = -np.inf

        def settle(columns: I64) -> F64:
            # Not a product of matrices: that differs in its last bits with the rows around.
            exact = np.einsum("rf,rkf->rk", profiles, self._items[columns]) + self._bias[columns]
            return np.asarray(exact if extra is None else exact + _cells(extra, columns), np.float64)

        return Scored(block, settle)

    def because(self, rows: I64, items: I64) -> I64:
        model, place = self._context.model, self._context.model_item
        length = np.linalg.norm(model.item_factors, axis=1, keepdims=True)
        unit = np.vstack(
            [model.item_factors / np.maximum(length, 1e-12), np.zeros(model.item_factors.shape[1])]
        )

        def alike(met: I64, wanted: I64) -> F64:
            return np.asarray(np.einsum("rhf,rkf->rkh", unit[place[met]], unit[place[wanted]]), np.float64)

        return find_causes(self._context.pairs, rows, items, alike, ALIKE)

    def reason(self, code: int) -> Reason:
        return tell_cause(self._context, code, "taste")

    def _item_side(self, rows: I64) -> F64:
        """Factors, bias and a 1 of each candidate; zeros for one that the model does not know."""
        model = self._context.model
        side = np.column_stack([model.item_factors, model.item_bias, np.ones(len(model.item_bias))])
        return np.where((rows >= 0)[:, None], side[rows], 0.0)

    def _profile_side(self, rows: I64) -> F64:
        """What the items' side is multiplied with, so that the product is ``factors · z``.

        The mean and variance over all candidates of a linear score are linear and quadratic forms of the
        items' mean and covariance, so no row of scores has to be made to standardise it.
        """
        factors = self._context.factors(rows)
        side = np.column_stack([factors, np.ones(len(rows)), np.zeros(len(rows))])
        variance = ((side @ self._spread) * side).sum(axis=1)
        # A product of matrices differs in the last bits with the rows around; single precision does not.
        deviation = np.sqrt(np.maximum(variance, 1e-24)).astype(np.float32).astype(np.float64)
        side[:, -1] = -(side * self._mean).sum(axis=1)
        scaled: F64 = self._blend.factors * side / deviation[:, None]
        return scaled

    def _static(self) -> F64:
        """What is the same for all profiles: popularity; -inf for items that the model does not know."""
        part = self._blend.popularity * self._context.popular
        return np.where(self._known, part, -np.inf)

    def _extra(self, rows: I64) -> scipy.sparse.csr_matrix | None:
        """The parts that are not linear in the factors: neighbours, and what is bought again and again.

        Neighbours are standardised like the rest; their mean is left out, being the same for all of a row.
        """
        parts = []
        if self._blend.neighbours:
            near = scipy.sparse.csr_matrix(self._context.history[rows] @ self._similar)
            line = np.repeat(np.arange(len(rows)), np.diff(near.indptr))
            mean, square = (
                np.bincount(line, values, minlength=len(rows)) / max(len(self._bias), 1)
                for values in (near.data, near.data**2)
            )
            deviation = np.sqrt(np.maximum(square - mean**2, 1e-24))
            near.data *= self._blend.neighbours / deviation[line]
            parts.append(near)
        if self._own is not None:
            parts.append(self._blend.own * self._own[rows])
        if not parts:
            return None
        extra = scipy.sparse.csr_matrix(sum(parts[1:], start=parts[0]))
        extra.sort_indices()
        return extra


def _cells(matrix: scipy.sparse.csr_matrix, columns: I64) -> F64:
    """The cells of chosen columns, int64[rows, k]; the matrix's indices are sorted."""
    rows, width = matrix.shape
    key = np.repeat(np.arange(rows), np.diff(matrix.indptr)) * width + matrix.indices
    asked = np.arange(rows)[:, None] * width + columns
    if not len(key):
        return np.zeros(columns.shape)
    place = np.minimum(np.searchsorted(key, asked), len(key) - 1)
    found: F64 = np.where(key[place] == asked, matrix.data[place], 0.0)
    return found
