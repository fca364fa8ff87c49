"""Whether everybody is sure to be shown as many items as are asked for, told before anything is scored."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audience.order import flat
from mailwright.model.schema import PURCHASED
from mailwright.model.workspace import RecommendSpec
from recommend.arrays import I64, rows_of
from recommend.catalogue import read_catalogue
from recommend.ratings import read_events

LOOKED_AT = 200_000
"""Interactions among which popular items are looked for; the others could only add to them."""
FADED = 1_000
"""Half-lives after which what was met may count for nothing at all."""


def fills_every_list(
    interactions: pa.Table, items: pa.Table, spec: RecommendSpec, *, n: int, now: datetime
) -> bool:
    """Whether the fallback chain is certain to find ``n`` items for every profile; False: it may not.

    A list ends short of ``n`` only when no popular item can be added to it. Of each category
    ``max_per_category`` of the popular items fit in it, less what the profile bought before, and whatever
    earlier tiers put there (what fits is a partition matroid, so no order of adding ends with fewer). Nothing
    of the last mail may be barred as well.
    """
    if spec.rating is not None:
        return False
    catalogue = read_catalogue(items, spec)
    events = read_events(interactions.slice(0, LOOKED_AT), items["item_id"], spec, now)
    met = events.item[events.age < FADED * spec.popularity_half_life_days]
    popular = np.flatnonzero(np.bincount(met[catalogue.allowed[met]]))
    of_category = np.bincount(catalogue.category[popular] + 1, minlength=1)
    cap = np.full(len(of_category), spec.max_per_category or len(popular))
    cap[0] = len(popular)  # an item without a category belongs to none that could be full

    def fitting(barred: I64) -> I64:
        found: I64 = np.minimum(np.maximum(of_category - barred, 0), cap).sum(axis=1)
        return found

    bought = interactions.select(["profile_id", "item_id"]).filter(pc.equal(interactions["event"], PURCHASED))
    times = pc.value_counts(bought["profile_id"])
    counts, place = np.unique(times.field("counts").to_numpy(), return_inverse=True)
    if not (fitting(np.array([[0]])) >= n).all():
        return False
    # As if each had bought all of theirs of every category at once; who then has too few is looked at.
    doubtful = (fitting(counts[:, None]) < n)[place]
    bought = bought.filter(pc.is_in(bought["profile_id"], times.field("values").filter(pa.array(doubtful))))
    who = flat(bought["profile_id"]).dictionary_encode().indices.cast(pa.int64()).to_numpy()
    what = rows_of(bought["item_id"], items["item_id"])
    there = np.isin(what, popular)
    who, what = np.divmod(np.unique(who[there] * catalogue.size + what[there]), max(catalogue.size, 1))
    barred = np.zeros((int(doubtful.sum()), len(of_category)), np.int64)
    np.add.at(barred, (who, catalogue.category[what] + 1), 1)
    return bool((fitting(barred) >= n).all())
