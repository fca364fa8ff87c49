"""Price drop: what costs less than it did, the items that the profile met first.

What it did cost is the catalogue's ``previous_price`` where that is known, else the median of what was paid
for one (an interaction's ``amount`` over its ``quantity``).
"""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Reason
from recommend.arrays import F32, F64, I64, Mask
from recommend.context import Context
from recommend.tiers import Scored

LEAST = 0.05
"""Share of the price that must have gone: less is rounding or currency."""


def open_tier(context: Context) -> PriceDrop:
    return PriceDrop(context)


class PriceDrop:
    """The score is the share of the price that is gone, plus 1 for items that the profile met."""

    source = "price_drop"

    def __init__(self, context: Context) -> None:
        self._context = context
        before, price = _price_before(context), context.catalogue.price
        with np.errstate(invalid="ignore", divide="ignore"):
            drop = 1 - price / before
        self._drop = np.where(np.isfinite(drop) & (drop >= LEAST), drop, -np.inf)
        self._met = context.matrix(context.pairs, np.ones(len(context.pairs.item)))

    def applies(self) -> Mask:
        return np.full(self._context.profiles.num_rows, bool(np.isfinite(self._drop).any()))

    def groups(self) -> None:
        return None

    def score(self, rows: I64) -> Scored:
        met = self._met[rows][:, self._context.candidates].toarray()
        scores: F64 = met + self._drop[self._context.candidates]
        block: F32 = scores.astype(np.float32)
        return Scored(block, lambda columns: np.take_along_axis(scores, columns, axis=1))

    def because(self, rows: I64, items: I64) -> I64:  # noqa: ARG002 an item's price is the same for all
        percent: I64 = np.floor(100 * np.maximum(self._drop, 0) + 1e-9).astype(np.int64)[items]
        return percent

    def reason(self, code: int) -> Reason:
        return Reason("price", str(code))


def _price_before(context: Context) -> F64:
    events, before = context.events, context.catalogue.previous_price.copy()
    paid = np.flatnonzero(np.isfinite(events.unit_price) & events.bought)
    order = paid[np.lexsort((events.unit_price[paid], events.item[paid]))]
    item, first, count = np.unique(events.item[order], return_index=True, return_counts=True)
    median = events.unit_price[order[first + count // 2]] if len(order) else np.zeros(0)
    unknown = np.isnan(before[item])
    before[item[unknown]] = median[unknown]
    return before
