"""New arrivals: what came into the catalogue lately, newest first."""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Reason
from recommend.arrays import DAY_US, NEVER
from recommend.context import Context
from recommend.everybody import ForEverybody

NEW_DAYS = 30.0


def open_tier(context: Context) -> ForEverybody:
    """Items of known ``added_at`` in the last 30 days; the score is the share of them that is left."""
    added = context.catalogue.added[context.candidates]
    age = (context.now.timestamp() * 1e6 - added.astype(np.float64)) / DAY_US
    new = (added != NEVER) & (age >= 0) & (age < NEW_DAYS)
    return ForEverybody(
        context, "new_arrivals", np.where(new, 1 - age / NEW_DAYS, -np.inf), lambda _: Reason("new")
    )
