"""What is predicted, and what was known at the time: outcomes after a moment, features before it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audience import add_features
from mailwright.model.learned import MEANINGS, Question
from mailwright.model.schema import PURCHASED
from segments.matrix import Floats, numeric_matrix

ACTIVE_DAYS = 180
"""Churn is asked only of those who bought within so many days: nobody else is there to lose."""


@dataclass(frozen=True)
class Target:
    """One question about the next ``days``. ``money``: how much is spent, else whether something happens."""

    name: Question
    days: int
    money: bool = False
    buyers_only: bool = False
    negated: bool = False

    @property
    def description(self) -> str:
        """What is asked, for people."""
        return MEANINGS[self.name]


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("purchase_30d", 30),
        Target("churn_90d", 90, buyers_only=True, negated=True),
        Target("value_90d", 90, money=True),
    )
}

_COUNTS = (
    "purchases", "purchases_30d", "purchases_90d", "purchases_365d", "items_purchased", "views", "views_48h",
    "views_30d", "added_48h", "added_30d", "total_spent", "spent_365d", "average_order_value", "engagement",
    "engagement_velocity", "preferred_hour",
)  # fmt: skip
_MOMENTS = ("first_seen_at", "last_seen_at", "first_purchase_at", "last_purchase_at", "last_viewed_at")


@dataclass(frozen=True)
class Cohort:
    """Profiles as they were at a moment: ``matrix`` (rows × ``features``) and which rows can be asked
    about."""

    features: tuple[str, ...]
    matrix: Floats
    bought_recently: npt.NDArray[np.bool_]
    seen: npt.NDArray[np.bool_]

    def asked(self, target: Target) -> npt.NDArray[np.bool_]:
        """The rows that the target's question makes sense for."""
        return self.bought_recently if target.buyers_only else self.seen


COUNTS, MOMENTS = frozenset(_COUNTS), frozenset(_MOMENTS)
"""The features of ``audience.FEATURES`` that scores are made of, numbers and times."""


def cohort_at(profiles: pa.Table, interactions: pa.Table, items: pa.Table, at: datetime) -> Cohort:
    """The profiles with what was known of them at ``at``: nothing later enters."""
    known = interactions.filter(pc.less_equal(interactions["at"], _instant(at)))
    return cohort_of(add_features(profiles.select(_declared(profiles)), known, items, now=at), at)


def cohort_of(frame: pa.Table, at: datetime) -> Cohort:
    """Profiles whose features are those of ``at``."""
    ages = [np.array(_days_before(frame[name], at)) for name in _MOMENTS]
    matrix = np.column_stack([numeric_matrix(frame, _COUNTS), *ages])
    features = (*_COUNTS, *(f"days since {name.removesuffix('_at').replace('_', ' ')}" for name in _MOMENTS))
    last_bought, last_seen = ages[_MOMENTS.index("last_purchase_at")], ages[_MOMENTS.index("last_seen_at")]
    return Cohort(features, matrix, last_bought <= ACTIVE_DAYS, ~np.isnan(last_seen))


def outcomes(profiles: pa.Table, interactions: pa.Table, target: Target, start: datetime) -> Floats:
    """What happened to each profile in the target's days after ``start``: 0 or 1, or money."""
    end = start + timedelta(days=target.days)
    at = interactions["at"]
    inside = pc.and_(pc.greater(at, _instant(start)), pc.less_equal(at, _instant(end)))
    orders = interactions.filter(pc.and_(inside, pc.equal(interactions["event"], PURCHASED)))
    totals = np.zeros(profiles.num_rows)
    rows = pc.index_in(orders["profile_id"], value_set=profiles["profile_id"].combine_chunks())
    known = pc.is_valid(rows).to_numpy()
    places = rows.filter(pa.array(known)).to_numpy()
    amounts = pc.fill_null(orders["amount"], 0.0).to_numpy() if target.money else np.ones(orders.num_rows)
    np.add.at(totals, places, amounts[known])
    if target.money:
        return totals
    return ((totals == 0) if target.negated else (totals > 0)).astype(np.float64)


def _declared(profiles: pa.Table) -> list[str]:
    return [name for name in profiles.column_names if name not in (*_COUNTS, *_MOMENTS)]


def _instant(at: datetime) -> pa.Scalar:
    return pa.scalar(at, pa.timestamp("us", "UTC"))


def _days_before(column: pa.ChunkedArray, at: datetime) -> Floats:
    micros = pc.fill_null(column.cast(pa.int64()).cast(pa.float64()), math.nan).to_numpy()
    return np.asarray((at.timestamp() * 1e6 - micros) / 86_400e6)
