"""Recency, frequency and monetary scores: where a buyer stands among all buyers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import TIMESTAMP

_POINTS = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True)
class RfmCuts:
    """The 20, 40, 60 and 80 % points of all buyers; a score is one more than the cuts that a value exceeds.

    ``recency_s`` are seconds since the last order (fewer is better), ``frequency`` orders in 365 days,
    ``monetary`` money spent in them. Kept with the audience, so that one profile is scored as among all.
    """

    recency_s: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]


def rfm_cuts(features: pa.Table, *, now: datetime) -> RfmCuts:
    """The cuts of these profiles: values that occur, the smallest that reaches each share of the buyers."""
    read = features.select(["purchases", "last_purchase_at", "purchases_365d", "spent_365d"])
    buyers = read.filter(pc.greater(read.column("purchases"), 0))
    if not buyers.num_rows:
        return RfmCuts((), (), ())
    measures = _measures(buyers, now)
    return RfmCuts(*(tuple(np.quantile(m, _POINTS, method="inverted_cdf").tolist()) for m in measures))


def rfm_scores(features: pa.Table, cuts: RfmCuts, *, now: datetime) -> dict[str, pa.Array]:
    """``rfm_recency``, ``rfm_frequency``, ``rfm_monetary`` (1 to 5) and ``rfm``; NULL for no buyer."""
    recency, frequency, monetary = _measures(features, now)
    nobody = features.column("purchases").to_numpy() == 0
    scores = {
        "rfm_recency": 5 - np.searchsorted(cuts.recency_s, recency, side="left"),
        "rfm_frequency": 1 + np.searchsorted(cuts.frequency, frequency, side="left"),
        "rfm_monetary": 1 + np.searchsorted(cuts.monetary, monetary, side="left"),
    }
    columns = {name: pa.array(values, pa.int64(), mask=nobody) for name, values in scores.items()}
    texts = [column.cast(pa.string()) for column in columns.values()]
    return {**columns, "rfm": pc.binary_join_element_wise(*texts, "")}


def _measures(features: pa.Table, now: datetime) -> list[npt.NDArray[Any]]:
    seconds = pc.subtract(pa.scalar(now, TIMESTAMP), features.column("last_purchase_at")).cast(pa.int64())
    return [
        seconds.fill_null(0).to_numpy() / 1e6,
        features.column("purchases_365d").to_numpy().astype(np.float64),
        features.column("spent_365d").to_numpy(),
    ]
