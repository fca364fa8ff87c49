"""Features that are lists: what a profile likes, has looked at lately, and has in its cart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audience.arrow import TIMESTAMP
from audience.history import I64, MOST, REMOVED, History, add_up, lists_of, starts
from mailwright.model.schema import ADDED, PURCHASED, VIEWED

_TASTES, _VIEWED, _CART_DAYS = 5, 10, 14
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Names:
    """The items of interactions: their ids, in order, and the categories that they have."""

    ids: pa.Array
    category: I64
    """Of each item, the place in ``categories``; -1 where it has none."""
    categories: pa.Array
    """In order."""

    @property
    def bits(self) -> int:
        """That hold the number of any item."""
        return max(len(self.ids) - 1, 0).bit_length()


def name_items(ids: pa.Array, category: pa.Array) -> Names:
    """The ids must be in order; ``category`` is that of each."""
    known = pc.unique(category).drop_null()
    categories = known.take(pc.sort_indices(known))
    places = pc.index_in(category, value_set=categories).fill_null(-1).cast(pa.int64())
    return Names(ids, places.to_numpy(), categories)


def weigh_categories(h: History, names: Names) -> dict[str, pa.Array]:
    """The categories that each profile likes most, and their share of all its interest."""
    rows = np.flatnonzero(h.says_something() & (h.item >= 0))
    rows = rows[names.category[h.item[rows]] >= 0]
    key = h.who[rows] * len(names.categories) + names.category[h.item[rows]]
    order = np.argsort(key)
    key = key[order]
    first = starts(key)
    weight = np.add.reduceat(h.interest(rows, 90)[order], first) if len(first) else first
    who, category = np.divmod(key[first][weight > 0], max(len(names.categories), 1))
    weight = weight[weight > 0]
    whole = add_up(who, weight, h.people)
    order = np.lexsort((-weight, who))  # of equal weights the first in the alphabet
    who, category, weight = who[order], category[order], weight[order]
    place = _places(who)
    best = np.full(h.people, -1)
    best[who[place == 0]] = category[place == 0]
    kept = place < _TASTES
    share = weight[kept].astype(np.float64) / whole[who[kept]].astype(np.float64)
    each = pa.StructArray.from_arrays(
        [names.categories.take(pa.array(category[kept])), pa.array(share)], ["category", "share"]
    )
    return {
        "favourite_category": names.categories.take(pa.array(best, mask=best < 0)),
        "category_affinities": lists_of(who[kept], h.people, each),
    }


def list_viewed(h: History, names: Names) -> pa.Array:
    """The items that each profile viewed last: newest first, of one instant by id.

    Profile, item and instant are packed into one number that sorts as they do: numbers sort ten times as fast
    as rows. Instants are counted, which takes as many bits as there are views.
    """
    rows = h.rows(VIEWED)
    rows = rows[h.item[rows] >= 0]
    who, at = h.who[rows], h.at[rows]
    new = np.append(True, (who[1:] != who[:-1]) | (at[1:] != at[:-1]))[: len(rows)]
    instant = np.cumsum(new) - 1
    width, bits = len(rows).bit_length(), names.bits
    packed = np.sort((who << bits | h.item[rows]) << width | instant)
    newest = packed[np.append(starts(packed >> width), len(packed))[1:] - 1]
    of = who[new]  # the profile of each instant
    person, item, instant = (
        newest >> width + bits,
        newest >> width & (1 << bits) - 1,
        newest & (1 << width) - 1,
    )
    # The instants of a profile counted from its last one back.
    first = starts(of)
    low, high = np.zeros((2, h.people), dtype=np.int64)
    low[of[first]], high[of[first]] = first, np.append(first, len(of))[1:] - 1
    packed = np.sort((low[person] + high[person] - instant) << bits | item)
    person, item = of[packed >> bits], packed & (1 << bits) - 1
    kept = _places(person) < _VIEWED
    return lists_of(person[kept], h.people, names.ids.take(pa.array(item[kept])))


def fill_carts(h: History, names: Names) -> pa.Array:
    """What each profile put into its cart after its last order, and did not take out."""
    ordered = np.full(h.people, _NEVER)
    lines = h.rows(PURCHASED)
    ordered[h.who[lines]] = h.at[lines]  # the last one stays
    rows = np.sort(np.concatenate([h.rows(ADDED), h.rows(REMOVED)]))
    rows = h.younger(rows, _CART_DAYS)
    rows = rows[(h.item[rows] >= 0) & (h.at[rows] > ordered[h.who[rows]])]
    key = h.who[rows] << names.bits | h.item[rows]
    order = np.argsort(key, kind="stable")
    rows, key = rows[order], key[order]
    first, added = starts(key), h.rows(ADDED)
    put = np.isin(rows, added)
    if not len(first):
        return _carts(h, names, *np.zeros((4, 0), dtype=np.int64))
    group = np.repeat(np.arange(len(first)), np.diff(first, append=len(key)))
    quantity = np.minimum(add_up(group, np.where(put, h.quantity[rows], 0), len(first)), MOST)
    put_at = np.maximum.reduceat(np.where(put, h.at[rows], _NEVER), first)
    out_at = np.maximum.reduceat(np.where(put, _NEVER, h.at[rows]), first)
    there = np.flatnonzero(put_at > out_at)
    item = h.item[rows[first]]
    order = there[np.lexsort((item[there], put_at[there], h.who[rows[first]][there]))]
    return _carts(
        h, names, h.who[rows[first]][order], item[order], quantity[order].astype(np.int64), put_at[order]
    )


def _carts(h: History, names: Names, who: I64, item: I64, quantity: I64, put_at: I64) -> pa.Array:
    """Carts of these lines, which stand by profile and time."""
    updated = np.full(h.people, _NEVER)
    updated[who] = put_at  # the last one stays
    lines = pa.StructArray.from_arrays(
        [names.ids.take(pa.array(item)), pa.array(quantity), pa.array(put_at).view(TIMESTAMP)],
        ["item_id", "quantity", "added_at"],
    )
    at = pa.array(updated, pa.int64(), mask=updated == _NEVER).view(TIMESTAMP)
    return pa.StructArray.from_arrays([lists_of(who, h.people, lines), at], ["items", "updated_at"])


def _places(sorted_keys: I64) -> I64:
    """The place of each in its run of equal keys, from 0."""
    first = starts(sorted_keys)
    return np.arange(len(sorted_keys)) - np.repeat(first, np.diff(first, append=len(sorted_keys)))
