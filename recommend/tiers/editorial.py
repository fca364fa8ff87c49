"""Editorial: what the shop itself picked, in its order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mailwright.model.recommendation import Source
from recommend.arrays import I64, Mask, rows_of
from recommend.context import Context
from recommend.tiers import Scored

ORDER = 50


def open_tier(context: Context) -> Editorial:
    return Editorial(context)


class Editorial:
    """``spec.editorial``, first to last; ids that the catalogue does not have are left out."""

    source = Source.EDITORIAL

    def __init__(self, context: Context) -> None:
        items = rows_of(pa.array(context.spec.editorial, pa.string()), context.catalogue.ids)
        self._scores = np.full(len(context.candidates), -np.inf)
        for place in reversed(range(len(items))):
            if items[place] >= 0 and (column := context.column[items[place]]) >= 0:
                self._scores[column] = len(items) - place
        self._rows = context.profiles.num_rows

    def applies(self) -> Mask:
        return np.full(self._rows, bool(np.isfinite(self._scores).any()))

    def score(self, rows: I64) -> Scored:
        block = np.tile(self._scores.astype(np.float32), (len(rows), 1))
        return Scored(block, lambda columns: self._scores[columns])

    def because(self, rows: I64, items: I64) -> I64:  # noqa: ARG002 the same for everybody
        return np.zeros(items.shape, np.int64)

    def reason(self, code: int) -> str:  # noqa: ARG002
        return "picked by us"
