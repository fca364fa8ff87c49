"""Which of the things a profile did led to an item: the "because you bought X" of personal tiers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from recommend.arrays import F64, I64
from recommend.context import Context
from recommend.ratings import Pairs

LOOK_BACK = 20
"""How many of a profile's strongest items are considered as causes."""

Alike = Callable[[I64, I64], F64]
"""Similarity of items, int64[k] and int64[k] → float64[k]."""


def find_causes(pairs: Pairs, rows: I64, items: I64, alike: Alike, least: float) -> I64:
    """For each item (int64[rows, k], -1: none) the history item that speaks most for it, as a code.

    The code is ``4 · item + (2 if it is the item itself) + (1 if it was bought)``, or -1 where no item of
    the history is at least ``least`` alike.
    """
    causes = np.full(items.shape, -1, np.int64)
    for at, row in enumerate(rows):
        entries = pairs.of(int(row))
        met, strength = pairs.item[entries], pairs.strength[entries]
        strongest = np.argsort(-strength, kind="stable")[:LOOK_BACK]
        wanted = np.flatnonzero(items[at] >= 0)
        if not len(strongest) or not len(wanted):
            continue
        met, strength, bought = met[strongest], strength[strongest], pairs.bought[entries][strongest]
        itself = met[None, :] == items[at, wanted][:, None]
        likeness = alike(np.tile(met, len(wanted)), np.repeat(items[at, wanted], len(met))).reshape(
            itself.shape
        )
        likeness[itself] = np.inf
        best = np.argmax(np.where(likeness >= least, likeness * strength, -np.inf), axis=1)
        row = np.arange(len(wanted))
        code = 4 * met[best] + 2 * itself[row, best] + bought[best]
        causes[at, wanted] = np.where(likeness[row, best] >= least, code, -1)
    return causes


def tell_cause(context: Context, code: int, otherwise: str) -> str:
    """The reason that belongs to a code of ``find_causes``."""
    if code < 0:
        return otherwise
    verb = "bought" if code & 1 else "viewed"
    return f"because you {verb} {'it' if code & 2 else context.catalogue.titles[code // 4]}"


def own_history(context: Context) -> sparse.csr_matrix | None:
    """Rows × candidates: ``log(1 + days bought on) · 2^(-age / half_life)``; None without repeats."""
    if not context.spec.repeat and not context.spec.repeat_categories:
        return None
    pairs = context.pairs
    value = np.log1p(pairs.times) * np.exp2(-pairs.age / context.spec.half_life_days)
    shape = (context.profiles.num_rows, context.catalogue.size)
    return sparse.csr_matrix((value, pairs.item, pairs.start), shape=shape)[:, context.candidates].tocsr()
