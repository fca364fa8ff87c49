"""Trending: what is wanted more now than it used to be."""

from __future__ import annotations

import numpy as np

from mailwright.model.recommendation import Reason
from recommend.context import Context
from recommend.everybody import ForEverybody

SHORT_DAYS, LONG_DAYS = 3.0, 28.0
"""Half-lives of "now" and of "used to be"."""


def open_tier(context: Context) -> ForEverybody:
    """``(now - expected) / sqrt(expected + 1)``, the Poisson z-score of the rise; only risen items."""
    pairs, size = context.everyone, context.catalogue.size
    now, usual = (
        np.bincount(pairs.item, pairs.weight * np.exp2(-pairs.age / days), minlength=size)
        for days in (SHORT_DAYS, LONG_DAYS)
    )
    expected = usual * now.sum() / max(usual.sum(), 1e-12)
    rise = ((now - expected) / np.sqrt(expected + 1))[context.candidates]
    return ForEverybody(context, "trending", np.where(rise > 0, rise, -np.inf), lambda _: Reason("trending"))
