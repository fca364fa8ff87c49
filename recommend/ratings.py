"""Interactions to ratings: the one place where what happened becomes how much a profile likes an item.

The strength of one event is
``weight(event) · (FLOOR + (1 - FLOOR) · 2^(-age / half_life)) · log2(1 + quantity)``:
what it says about taste, faded with age but never to nothing, and a dozen bought says more than one, though
not twelve times more. A pair's rating is the strongest of its events. Rows that cannot be used are dropped
and counted, never an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audience.order import flat
from mailwright.model.schema import PURCHASED
from mailwright.model.workspace import RecommendSpec
from recommend.arrays import DAY_US, F64, I64, NEVER, Mask, instants, numbers, rows_of

FLOOR = 0.2
"""What is left of an event's strength when it is very old (tuned on real purchases: docs/recommend.md)."""


@dataclass(frozen=True)
class Events:
    """The usable events, as parallel arrays, in the order of the table."""

    profile_ids: Any
    """The profiles that have any, sorted: an Arrow array."""
    profile: I64
    """Row of ``profile_ids``."""
    item: I64
    kind: I64
    """Which event of ``names``."""
    at: I64
    """Microseconds since 1970."""
    age: F64
    """Days before now, 0 or more."""
    quantity: F64
    unit_price: F64
    """What was paid for one; NaN where it is not known."""
    weight: F64
    """What the kind of event says about taste."""
    strength: F64
    """The same, faded with age and raised with quantity."""
    rating: F64
    """The explicit rating; NaN where the workspace names no such field."""
    names: tuple[str, ...]
    dropped: dict[str, int]
    """Why rows could not be used → how many."""

    @property
    def bought(self) -> Mask:
        """Which events are purchases."""
        return np.array([name == PURCHASED for name in self.names], bool)[self.kind]


@dataclass(frozen=True)
class Pairs:
    """One entry for each profile and item that met, sorted by both: a sparse matrix in CSR form.

    ``start[p]:start[p + 1]`` are the entries of profile ``p``.
    """

    start: I64
    item: I64
    strength: F64
    weight: F64
    """Of its weightiest event, not faded."""
    age: F64
    """Days since they last met."""
    rating: F64
    """The latest explicit one; NaN where there are none."""
    times: F64
    """On how many days the item was bought."""
    bought: Mask

    @property
    def profile(self) -> I64:
        """The profile of each entry."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    @property
    def count(self) -> I64:
        """How many items each profile has met."""
        return np.diff(self.start)

    def of(self, profile: int) -> slice:
        """The entries of one profile."""
        return slice(int(self.start[profile]), int(self.start[profile + 1]))


def read_events(interactions: pa.Table, item_ids: Any, spec: RecommendSpec, now: datetime) -> Events:
    """The events that say something about taste, ids turned into row numbers.

    Dropped and counted: events that ``spec.weights`` does not name, an item or a profile that is missing, an
    item that the catalogue does not have, a time that is missing or after ``now``, a quantity below 1.
    """
    names = tuple(name for name, weight in spec.weights.items() if weight > 0)
    kind = rows_of(interactions["event"], pa.array(names, pa.string()))
    item = rows_of(interactions["item_id"], item_ids)
    at = instants(interactions["at"])
    quantity = numbers(interactions, "quantity", 1.0)
    age = (_micros(now) - at.astype(np.float64)) / DAY_US
    rating = numbers(interactions, spec.rating, np.nan) if spec.rating else np.full(len(kind), np.nan)
    usable, dropped = _sift(
        {
            "event says nothing of taste": kind < 0,
            "no profile": flat(interactions["profile_id"]).is_null().to_numpy(zero_copy_only=False),
            "unknown item": item < 0,
            "no time": at == NEVER,
            "in the future": age < 0,
            "quantity below 1": ~(quantity >= 1),
            "rating is no number": ~np.isfinite(rating) if spec.rating else np.zeros(len(kind), bool),
        }
    )
    weight = np.array([spec.weights[name] for name in names] or [0.0])[kind[usable]]
    age = age[usable]
    who = flat(interactions["profile_id"]).filter(pa.array(usable))
    profile_ids = who.unique().sort()
    return Events(
        profile_ids=profile_ids,
        profile=rows_of(who, profile_ids),
        item=item[usable],
        kind=kind[usable],
        at=at[usable],
        age=age,
        quantity=quantity[usable],
        unit_price=(numbers(interactions, "amount", np.nan) / np.maximum(quantity, 1))[usable],
        weight=weight,
        strength=weight * faded(age, spec) * np.log2(1 + quantity[usable]),
        rating=rating[usable],
        names=names,
        dropped=dropped,
    )


def faded(age: F64, spec: RecommendSpec) -> F64:
    """What is left of an event's weight after ``age`` days: 1 when new, never less than ``FLOOR``."""
    left: F64 = FLOOR + (1 - FLOOR) * np.exp2(-age / spec.half_life_days)
    return left


def gather_pairs(events: Events, items: int) -> Pairs:
    """One entry for each profile and item: its strongest event, latest age, days of purchase."""
    width = max(items, 1)
    key = events.profile * width + events.item
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    profile, item = key[first] // width, key[first] % width
    start = np.searchsorted(profile, np.arange(len(events.profile_ids) + 1)).astype(np.int64)
    if not len(first):
        return Pairs(start, item, *(np.zeros(0),) * 5, np.zeros(0, bool))
    bought = events.bought[order]
    return Pairs(
        start=start,
        item=item,
        strength=np.maximum.reduceat(events.strength[order], first),
        weight=np.maximum.reduceat(events.weight[order], first),
        age=np.minimum.reduceat(events.age[order], first),
        rating=_latest(key, events.age[order], events.rating[order])[first],
        times=_days_bought(key, np.floor(events.age[order]), bought, first),
        bought=np.logical_or.reduceat(bought, first),
    )


def take_profiles(pairs: Pairs, rows: I64) -> Pairs:
    """The entries of some profiles, in the order of ``rows``; -1 is a profile without any."""
    known = np.maximum(rows, 0)
    count = (
        np.where(rows < 0, 0, pairs.start[known + 1] - pairs.start[known])
        if len(pairs.start) > 1
        else rows * 0
    )
    start = np.concatenate(([0], np.cumsum(count))).astype(np.int64)
    entry = np.repeat(pairs.start[known] - start[:-1], count) + np.arange(start[-1])
    return Pairs(
        start,
        pairs.item[entry],
        pairs.strength[entry],
        pairs.weight[entry],
        pairs.age[entry],
        pairs.rating[entry],
        pairs.times[entry],
        pairs.bought[entry],
    )


def asked_about(lists: Sequence[Sequence[str]] | pa.ListArray, item_ids: Any) -> Pairs:
    """Lists of item ids, one for each profile, as pairs of equal strength.

    Ids that the catalogue does not have, and lists that are NULL, ask about nothing.
    """
    asked = lists if isinstance(lists, pa.Array) else pa.array(lists, pa.list_(pa.string()))
    item = rows_of(asked.flatten(), item_ids)
    profile = pc.list_parent_indices(asked).to_numpy(zero_copy_only=False).astype(np.int64)
    key = np.unique(np.stack([profile[item >= 0], item[item >= 0]]), axis=1)
    start = np.searchsorted(key[0], np.arange(len(asked) + 1)).astype(np.int64)
    one = np.ones(key.shape[1])
    return Pairs(start, key[1], one, one, one * 0, one * np.nan, one * 0, np.zeros(len(one), bool))


def _latest(key: I64, age: F64, rating: F64) -> F64:
    """The rating of the youngest event of each pair, at the place of its first."""
    if np.isnan(rating).all():
        return rating
    order = np.lexsort((age, key))
    return rating[order]


def _days_bought(key: I64, day: F64, bought: Mask, first: I64) -> F64:
    """On how many different days each pair was bought; several lines of one order count once."""
    pair = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(key))))[bought]
    order = np.lexsort((day[bought], pair))
    pair, day = pair[order], day[bought][order]
    new = np.ones(len(pair), bool)
    new[1:] = (np.diff(pair) != 0) | (np.diff(day) != 0)
    return np.bincount(pair[new], minlength=len(first)).astype(np.float64)


def _sift(causes: dict[str, Mask]) -> tuple[Mask, dict[str, int]]:
    """Rows that no cause drops, and how many each cause drops (the first that applies)."""
    usable = np.ones(len(next(iter(causes.values()))), bool)
    dropped = {}
    for cause, applies in causes.items():
        if count := int(np.count_nonzero(usable & applies)):
            dropped[cause] = count
        usable &= ~applies
    return usable, dropped


def _micros(now: datetime) -> int:
    return round(now.timestamp() * 1e6)
