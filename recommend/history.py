"""Which of the things a profile did led to an item: the "because you bought X" of personal tiers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

from audience.cores import each
from mailwright.model.recommendation import Reason
from recommend.arrays import F64, I64, Mask
from recommend.context import Context
from recommend.ratings import Pairs

LOOK_BACK = 20
"""How many of a profile's strongest items are considered as causes."""

BLOCK = 256
"""Rows worked on at a time."""
ITSELF = 1e9
"""Likeness of an item to itself: it is its own best reason."""

Alike = Callable[[I64, I64], F64]
"""Similarity of items: of the history int64[rows, h], recommended int64[rows, k] → float64[rows, k, h]."""


def find_causes(pairs: Pairs, rows: I64, items: I64, alike: Alike, least: float) -> I64:
    """For each item (int64[rows, k], -1: none) the history item that speaks most for it, as a code.

    The code is ``4 · item + (2 if it is the item itself) + (1 if it was bought)``, or -1 where no item of the
    history is at least ``least`` alike.
    """
    causes = np.full(items.shape, -1, np.int64)

    def find(at: int) -> None:
        some = slice(at, at + BLOCK)
        entry, there = _strongest(pairs, rows[some])
        if not entry.shape[1]:
            return
        met, wanted = pairs.item[entry], items[some]
        itself = met[:, None, :] == wanted[:, :, None]
        likeness = np.where(itself, ITSELF, alike(met, np.maximum(wanted, 0)))
        fit = (likeness >= least) & there[:, None, :] & (wanted >= 0)[:, :, None]
        best = np.argmax(np.where(fit, likeness * pairs.strength[entry][:, None, :], -np.inf), axis=2)
        line = np.arange(len(wanted))[:, None]
        code = 4 * met[line, best] + pairs.bought[entry][line, best]
        code += 2 * np.take_along_axis(itself, best[:, :, None], axis=2)[:, :, 0]
        found = np.take_along_axis(fit, best[:, :, None], axis=2)[:, :, 0]
        causes[some] = np.where(found, code, -1)

    each(find, range(0, len(rows), BLOCK), large=len(rows) > 4 * BLOCK)
    return causes


def in_pairs(flat: Callable[[I64, I64], F64]) -> Alike:
    """A similarity of item to item, pair by pair, for whole blocks."""

    def alike(met: I64, wanted: I64) -> F64:
        shape = (len(met), wanted.shape[1], met.shape[1])
        left, right = np.broadcast_to(met[:, None, :], shape), np.broadcast_to(wanted[:, :, None], shape)
        return flat(left.ravel(), right.ravel()).reshape(shape)

    return alike


def _strongest(pairs: Pairs, rows: I64) -> tuple[I64, Mask]:
    """Entries of each row's strongest pairs, int64[rows, h], and which of them there are."""
    count = pairs.count[rows]
    line = np.repeat(np.arange(len(rows)), count)
    entry = np.repeat(pairs.start[rows] - np.cumsum(count) + count, count) + np.arange(len(line))
    order = np.lexsort((-pairs.strength[entry], line))
    rank = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    kept = rank < LOOK_BACK
    width = int(min(count.max(initial=0), LOOK_BACK))
    found, there = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width), bool)
    found[line[kept], rank[kept]] = entry[order][kept]
    there[line[kept], rank[kept]] = True
    return found, there


def tell_cause(context: Context, code: int, otherwise: str) -> Reason:
    """What a code of ``find_causes`` means; ``otherwise`` is the kind of reason without a cause."""
    if code < 0:
        return Reason(otherwise)
    verb = "bought" if code & 1 else "viewed"
    return Reason(verb, "" if code & 2 else context.catalogue.titles[code // 4])


def tell_seed(context: Context, code: int, kind: str) -> Reason:
    """The reason of this kind about the item that a code of ``find_causes`` names, where it names one."""
    return Reason(kind, context.catalogue.titles[code // 4] if code >= 0 else "")


def own_history(context: Context) -> scipy.sparse.csr_matrix | None:
    """Rows × candidates: ``log(1 + days bought on)``; None where nothing is bought again.

    Not faded: on real purchases what was bought on many days is bought again, however long ago it was.
    """
    if not context.spec.repeat and not context.spec.repeat_categories:
        return None
    pairs = context.pairs
    shape = (context.profiles.num_rows, context.catalogue.size)
    return scipy.sparse.csr_matrix((np.log1p(pairs.times), pairs.item, pairs.start), shape=shape)[
        :, context.candidates
    ].tocsr()
