"""Editorial: what the shop itself picked, in its order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mailwright.model.recommendation import Reason, Source
from recommend.arrays import rows_of
from recommend.context import Context
from recommend.everybody import ForEverybody

ORDER = 50


def open_tier(context: Context) -> ForEverybody:
    """``spec.editorial``, first to last; ids that the catalogue does not have are left out."""
    items = rows_of(pa.array(context.spec.editorial, pa.string()), context.catalogue.ids)
    scores = np.full(len(context.candidates), -np.inf)
    for place in reversed(range(len(items))):
        if items[place] >= 0 and (column := context.column[items[place]]) >= 0:
            scores[column] = len(items) - place
    return ForEverybody(context, Source.EDITORIAL, scores, lambda _: Reason("editorial"))
