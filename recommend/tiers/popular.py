"""Popular: what is wanted most now, by anybody; items that nobody met are not popular."""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Reason, Source
from recommend.context import Context
from recommend.everybody import ForEverybody

ORDER = 40


def open_tier(context: Context) -> ForEverybody:
    """Recency-weighted popularity (``Context.popularity``)."""
    wanted = context.popularity[context.candidates]
    return ForEverybody(
        context, Source.POPULAR, np.where(wanted > 0, wanted, -np.inf), lambda _: Reason("popular")
    )
