"""The fallback chain: tier after tier fills what is still missing, all under the same exclusions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mailwright.model.workspace import RecommendSpec
from recommend.arrays import F32, F64, I64
from recommend.context import Context, read_context
from recommend.model import Model
from recommend.recommendations import Recommendations
from recommend.tiers import Tier, open_tiers
from recommend.topn import largest

CELLS = 4_000_000
"""Scores held at a time by one thread: 16 MB."""


def recommend_items(
    model: Model,
    profiles: pa.Table,
    interactions: pa.Table,
    items: pa.Table,
    spec: RecommendSpec,
    *,
    n: int,
    now: datetime,
    segments: pa.Table | None = None,
    only: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Recommendations:
    """The ``n`` items that each profile is shown, best first, with their sources, scores and reasons.

    ``profiles`` is the whole audience, since cohorts are made of it; ``only`` names the rows to recommend
    for, all of them as a rule, and the result then has those rows alone, each as it would be among all.
    ``segments`` has the boolean columns ``segment:<name>``, row for row with ``profiles``. A profile gets
    fewer than ``n`` only when no tier has another item that it may be shown; ``Recommendations.note`` says
    why.
    """
    context = read_context(model, profiles, interactions, items, spec, now, segments)
    return fill(context, open_tiers(context), n=n, only=only, progress=progress)


def fill(
    context: Context,
    tiers: Sequence[Tier],
    *,
    n: int,
    only: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> Recommendations:
    """Ask the tiers in order, block of rows by block of rows, each block on one thread."""
    found = _Found(context.profiles.num_rows, n)
    rows = np.arange(context.profiles.num_rows) if only is None else np.asarray(only, np.int64)
    applies = [tier.applies() for tier in tiers]
    size = max(1, min(1024, CELLS // max(1, len(context.candidates))))
    blocks = [rows[at : at + size] for at in range(0, len(rows), size)]

    def one(block: I64) -> None:
        for source, tier in enumerate(tiers):
            wanting = block[applies[source][block] & (found.count[block] < n)]
            if len(wanting) and len(context.candidates):
                _ask(context, tier, source, wanting, found)

    workers = threads or len(os.sched_getaffinity(0))
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(one, blocks), start=1):
            if progress is not None:
                progress(min(done * size, len(rows)), len(rows))
    return Recommendations(
        items=found.items[rows],
        sources=found.sources[rows],
        scores=found.scores[rows],
        source_names=tuple(str(tier.source) for tier in tiers),
        item_ids=context.catalogue.ids,
        notes=lambda row: _note(context, found, int(rows[row]), n),
        explain=lambda source, at, items: tiers[source].because(rows[at], items),
        reason=lambda source, code: tiers[source].reason(code),
    )


class _Found:
    """What has been picked so far; threads write to different rows of it."""

    def __init__(self, rows: int, n: int) -> None:
        self.items = np.full((rows, n), -1, np.int32)
        self.sources = np.full((rows, n), -1, np.int8)
        self.scores = np.full((rows, n), np.nan)
        self.count = np.zeros(rows, np.int64)


def _ask(context: Context, tier: Tier, source: int, rows: I64, found: _Found) -> None:
    """Fill the free places of these rows with the tier's best."""
    n = found.items.shape[1]
    scored = tier.score(rows)
    block = scored.block
    _mask(context, rows, found, block)
    columns = largest(block, min(n, block.shape[1]))
    scores = np.where(
        np.isfinite(np.take_along_axis(block, columns, axis=1)), scored.settle(columns), -np.inf
    )
    order = np.lexsort((columns, -scores), axis=1)
    columns, scores = np.take_along_axis(columns, order, axis=1), np.take_along_axis(scores, order, axis=1)
    _place(context, source, rows, columns, scores, found)


def _mask(context: Context, rows: I64, found: _Found, block: F32) -> None:
    """Cells that must not be picked: excluded for the profile, or picked already."""
    start, column = context.excluded
    for line, row in enumerate(rows):
        block[line, column[start[row] : start[row + 1]]] = -np.inf
    for at in np.flatnonzero(found.count[rows]):
        items = found.items[rows[at], : found.count[rows[at]]]
        block[at, context.column[items]] = -np.inf


def _place(context: Context, source: int, rows: I64, columns: I64, scores: F64, found: _Found) -> None:
    n = found.items.shape[1]
    free = n - found.count[rows]
    rank = np.arange(columns.shape[1])
    taken = np.isfinite(scores) & (rank < free[:, None])
    at, k = np.nonzero(taken)
    target = found.count[rows[at]] + k
    found.items[rows[at], target] = context.candidates[columns[at, k]]
    found.sources[rows[at], target] = source
    found.scores[rows[at], target] = scores[at, k]
    found.count[rows] += taken.sum(axis=1)


def _note(context: Context, found: _Found, row: int, n: int) -> str:
    have = int(found.count[row])
    if have >= n:
        return ""
    start, _ = context.excluded
    causes = [f"{count} {cause}" for cause, count in context.catalogue.refused.items()]
    if bought := int(start[row + 1] - start[row]):
        causes.append(f"{bought} bought before")
    text = f"{have} of {n}: the catalogue has {context.catalogue.size} items"
    if causes:
        text += ", of which " + ", ".join(causes)
    left = context.catalogue.size - sum(context.catalogue.refused.values()) - bought
    return text if left < n else text + "; no tier recommends the others"
