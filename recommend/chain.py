"""The fallback chain: tier after tier fills what is still missing, all under the same exclusions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from mailwright.model.workspace import RecommendSpec
from recommend.arrays import I64, Mask
from recommend.context import Context, read_context
from recommend.model import Model
from recommend.picking import Picks, pick
from recommend.recommendations import Recommendations
from recommend.reranking import open_reranker
from recommend.strategies import FOR_YOU, open_strategy
from recommend.tiers import Tier

CELLS = 1_000_000
"""Scores held at a time by one thread: 4 MB stay near the processor; at least 64 rows, at most 1,024."""


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
    strategy: str = FOR_YOU,
    to: Sequence[Sequence[str]] | pa.ListArray | None = None,
    last_shown: pa.Table | None = None,
    spare: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Recommendations:
    """The ``n`` items that each profile is shown, best first, with their sources, scores and reasons.

    ``profiles`` is the whole audience, since cohorts are made of it; ``only`` names the rows to recommend
    for, all of them as a rule, and the result then has those rows alone, each as it would be among all.
    ``segments`` has the boolean columns ``segment:<name>``, row for row with ``profiles``. A profile gets
    fewer than ``n`` only when no tier has another item that it may be shown; ``Recommendations.note`` says
    why.

    ``strategy`` names another way to recommend (``strategies/``); ``to`` has, row for row, the ids of the
    items it is asked about, such as those of the cart. ``last_shown`` (``profile_id``, ``item_id``) is what
    the last mail showed, which is not shown again. ``spare`` items more are listed after the ``n``, for a
    mail that leaves out what another of its lists shows. Raises UsageError for an unknown strategy.
    """
    context = read_context(
        model, profiles, interactions, items, spec, now, segments=segments, last_shown=last_shown, to=to
    )
    tiers = open_strategy(strategy, context)
    return fill(context, tiers, n=n, only=only, spare=spare, progress=progress)


def fill(
    context: Context,
    tiers: Sequence[Tier],
    *,
    n: int,
    only: Sequence[int] | None = None,
    spare: int = 0,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> Recommendations:
    """Ask the tiers in order, block of rows by block of rows, each block on one thread.

    Rows of which nothing is known that tells them apart are shown the same, and worked on once.
    Notes say what is missing of ``n``; the ``spare`` items beyond them may be missing without a word.
    """
    picks = Picks(context.profiles.num_rows, n + spare)
    rows = np.arange(context.profiles.num_rows) if only is None else np.asarray(only, np.int64)
    reranker = open_reranker(context)
    applies = [tier.applies() for tier in tiers]
    different, place = _different(context, tiers, applies, rows)
    size = min(1024, max(64, CELLS // max(1, len(context.candidates))))
    blocks = [different[at : at + size] for at in range(0, len(different), size)]

    def one(block: I64) -> None:
        for source, tier in enumerate(tiers):
            wanting = block[applies[source][block] & (picks.count[block] < picks.n)]
            if len(wanting) and len(context.candidates):
                pick(context, reranker, tier, source, wanting, picks)

    workers = threads or len(os.sched_getaffinity(0))
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(one, blocks), start=1):
            if progress is not None:
                progress(min(done * size, len(different)), len(different))
    shown = different[place]
    return Recommendations(
        items=picks.items[shown],
        sources=picks.sources[shown],
        scores=picks.scores[shown],
        source_names=tuple(str(tier.source) for tier in tiers),
        item_ids=context.catalogue.ids,
        notes=lambda row: _note(context, picks, int(shown[row]), n),
        explain=lambda source, at, items: tiers[source].because(rows[at], items),
        reason=lambda source, code: tiers[source].reason(code),
    )


def _different(
    context: Context, tiers: Sequence[Tier], applies: Sequence[Mask], rows: I64
) -> tuple[I64, I64]:
    """Rows that stand for all of ``rows``, and for each of those the place of its own among them.

    A row stands for itself alone when a tier that applies to it scores each row by itself, or when it must
    not be shown something.
    """
    alone = np.diff(context.exclusions.start)[rows] > 0
    key = np.zeros(len(rows), np.int64)
    for tier, there in zip(tiers, applies, strict=True):
        groups = tier.groups()
        if groups is None:
            alone |= there[rows]
            continue
        group = np.where(there[rows], groups[rows] + 1, 0)
        key = key * (group.max(initial=0) + 1) + group
    key[alone] = key.max(initial=0) + 1 + np.flatnonzero(alone)
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)  # in the order in which they came, so that neighbours stay neighbours
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return rows[first[order]], back[place]


def _note(context: Context, picks: Picks, row: int, n: int) -> str:
    """Why a row has fewer than ``n``: what the catalogue has, and what took it away."""
    have = int(picks.count[row])
    if have >= n:
        return ""
    exclusions = context.exclusions
    causes = {**context.catalogue.refused, **exclusions.counts(row)}
    text = f"{have} of {n}: the catalogue has {context.catalogue.size} items"
    if causes:
        text += ", of which " + ", ".join(f"{count} {cause}" for cause, count in causes.items())
    barred = exclusions.column[exclusions.start[row] : exclusions.start[row + 1]]
    if len(context.candidates) - len(np.unique(barred)) <= have:
        return text
    if context.spec.max_per_category is not None:
        text += f"; at most {context.spec.max_per_category} of a category are shown"
    return text + "; nothing recommends the others"
