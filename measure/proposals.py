"""Segments that might be merged or rethought: those that overlap, and those that do worse than the rest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from measure.results import Results

PREFIX = "segment:"


@dataclass(frozen=True, slots=True)
class SegmentProposal:
    """``merge`` names two segments, ``rethink`` one; ``figure`` is the overlap, or the relative shortfall."""

    kind: Literal["merge", "rethink"]
    segments: tuple[str, ...]
    figure: float
    text: str


def propose_segments(
    membership: pa.Table,
    results: Results | None = None,
    *,
    least_overlap: float = 0.8,
    least_shortfall: float = 0.2,
    alpha: float = 0.05,
) -> tuple[SegmentProposal, ...]:
    """Propose, largest figure first.

    *Merge*: of the profiles in either of two segments at least ``least_overlap`` are in both (Jaccard), and
    the results do not show their click rates to differ. *Rethink*: its mails are clicked by at least
    ``least_shortfall``, relative, fewer than the rest's (corrected p below ``alpha``). ``membership`` has a
    boolean column ``segment:<name>`` each, a row a profile, as ``segments`` gives them.
    """
    found = [*_overlapping(membership, results, least_overlap), *_weak(results, least_shortfall, alpha)]
    return tuple(sorted(found, key=lambda one: (one.kind, -one.figure, one.segments)))


def _overlapping(membership: pa.Table, results: Results | None, least: float) -> list[SegmentProposal]:
    names = [name for name in membership.column_names if name.startswith(PREFIX)]
    if len(names) < 2:
        return []
    columns = [np.asarray(pc.fill_null(membership[name], False).combine_chunks()) for name in names]
    members = np.column_stack(columns).astype(np.float32)
    both = members.T.astype(np.float64) @ members
    clicks = _click_intervals(results)
    proposals = []
    for i, j in combinations(range(len(names)), 2):
        either = both[i, i] + both[j, j] - both[i, j]
        share = float(both[i, j] / either) if either else 0.0
        one, other = names[i].removeprefix(PREFIX), names[j].removeprefix(PREFIX)
        if share >= least and not _apart(clicks.get(one), clicks.get(other)):
            text = f"{one!r} and {other!r} share {share:.0%} of their {int(either):,} profiles: one would do"
            proposals.append(SegmentProposal("merge", (one, other), share, text))
    return proposals


def _weak(results: Results | None, least: float, alpha: float) -> list[SegmentProposal]:
    if results is None:
        return []
    proposals = []
    for row in results.rows("segment").to_pylist():
        rate, gap, p = row["clicked_rate"], row["clicked_vs_rest"], row["clicked_p"]
        if rate is None or gap is None or p is None or p >= alpha or gap >= 0:
            continue
        shortfall = -gap / (rate - gap)
        if shortfall >= least:
            text = f"{row['value']!r} is clicked by {rate:.2%}, the rest by {rate - gap:.2%}: rethink it"
            proposals.append(SegmentProposal("rethink", (row["value"],), shortfall, text))
    return proposals


def _click_intervals(results: Results | None) -> dict[str, tuple[float, float]]:
    if results is None:
        return {}
    rows = results.rows("segment").to_pylist()
    return {
        row["value"]: (row["clicked_low"], row["clicked_high"])
        for row in rows
        if row["clicked_low"] is not None
    }


def _apart(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    """Whether two intervals do not touch."""
    return one is not None and other is not None and (one[1] < other[0] or other[1] < one[0])
