"""Cohort: what is popular among the profiles of the same country or segment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from audience.order import flat
from mailwright.model.recommendation import Reason, Source
from recommend.arrays import F64, I64, Mask
from recommend.context import Context
from recommend.tiers import Scored

ORDER = 30
SHRINK = 50.0
"""Weight of the whole in a cohort's popularity, in profile-item meetings: what a small cohort lacks."""
LEAST = 20.0
"""Meetings, halved with age, below which a cohort says nothing."""
SEGMENT = "segment:"


def open_tier(context: Context) -> Cohort:
    return Cohort(context)


class Cohort:
    """The smallest cohort with evidence decides, shrunk towards the whole:
    ``(count in cohort + SHRINK · share of all) / (cohort's total + SHRINK)``.
    """

    source: str = Source.COHORT

    def __init__(self, context: Context) -> None:
        self._reasons: list[Reason] = []
        self._of_row = np.full(context.profiles.num_rows, -1, np.int64)
        shares: list[F64] = []
        size = np.full(context.profiles.num_rows, np.inf)
        overall = context.popularity / max(context.popularity.sum(), 1e-12)
        fade = context.pairs.weight * np.exp2(-context.pairs.age / context.spec.popularity_half_life_days)
        profile = context.pairs.profile
        for reason, members in _cohorts(context):
            inside = members[profile]
            counts = np.bincount(context.pairs.item[inside], fade[inside], minlength=context.catalogue.size)
            if counts.sum() < LEAST:
                continue
            smaller = members & (members.sum() < size)
            self._of_row[smaller], size[smaller] = len(self._reasons), members.sum()
            share = (counts + SHRINK * overall) / (counts.sum() + SHRINK)
            shares.append(np.where(counts > 0, share, -np.inf)[context.candidates])
            self._reasons.append(reason)
        self._shares = np.array(shares).reshape(len(shares), len(context.candidates))

    def applies(self) -> Mask:
        return self._of_row >= 0

    def groups(self) -> I64:
        return np.maximum(self._of_row, 0)

    def score(self, rows: I64) -> Scored:
        shares = self._shares[self._of_row[rows]]
        return Scored(shares.astype(np.float32), lambda columns: np.take_along_axis(shares, columns, axis=1))

    def because(self, rows: I64, items: I64) -> I64:
        return np.broadcast_to(self._of_row[rows][:, None], items.shape)

    def reason(self, code: int) -> Reason:
        return self._reasons[code]


def _cohorts(context: Context) -> Iterator[tuple[Reason, Mask]]:
    """(reason, members) of each value of the cohort attributes and of each segment."""
    for attribute in context.spec.cohorts:
        if attribute in context.profiles.column_names:
            values = flat(context.profiles[attribute]).cast(pa.string())
            coded = values.dictionary_encode()
            rows = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            for code, value in enumerate(coded.dictionary.to_pylist()):
                kind = "country" if attribute == "country" and value else "cohort"
                yield Reason(kind, value), rows == code
    for column in context.segments.column_names if context.segments is not None else ():
        if column.startswith(SEGMENT):
            assert context.segments is not None
            members = flat(context.segments[column]).fill_null(False).to_numpy(zero_copy_only=False)
            # A segment's name is for the shop ("lapsed"), not for the reader of the mail.
            yield Reason("cohort"), members.astype(bool)
