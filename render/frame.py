"""A frame of recipients rendered in order, streamed, by one process or several."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import pyarrow as pa

from mailwright.model.garbage import collect_seldom
from render.batch import render_batch
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.grouped import render_grouped_batch

BATCH = 512
"""Rows rendered at once."""
AHEAD = 3
"""Batches given to each process beyond the one that is awaited: what is in memory at most."""

Work = Callable[[CompiledCampaign, RenderContext, pa.RecordBatch], pa.RecordBatch]
"""What is done with a batch; a function of a module, so that other processes find it."""

_shared: tuple[Work, CompiledCampaign, RenderContext] | None = None


def render_frame(
    compiled: CompiledCampaign,
    context: RenderContext,
    frame: pa.Table,
    *,
    workers: int = 1,
    grouped: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The mails of a frame, a batch at a time, rows in order; the same bytes for any number of workers.

    No more than a few batches are in memory. Each worker is a process of its own. With ``grouped`` the
    columns are those of ``grouped.GROUPED``: what ESPs that take one body for many are given.
    """
    work = render_grouped_batch if grouped else render_batch
    yield from over_batches(work, compiled, context, frame, workers=workers, progress=progress)


def over_batches(
    work: Work,
    compiled: CompiledCampaign,
    context: RenderContext,
    frame: pa.Table,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """``work`` done on each batch of the frame, results in order, by one process or several."""
    batches = frame.to_batches(max_chunksize=BATCH)
    done = 0
    for batch, result in zip(batches, _done(work, compiled, context, batches, workers), strict=True):
        done += batch.num_rows
        if progress is not None:
            progress(done, frame.num_rows)
        yield result


def _done(
    work: Work,
    compiled: CompiledCampaign,
    context: RenderContext,
    batches: list[pa.RecordBatch],
    workers: int,
) -> Iterator[pa.RecordBatch]:
    if workers <= 1 or len(batches) < 2:
        for batch in batches:
            yield work(compiled, context, batch)
        return
    start = multiprocessing.get_context("spawn")
    given = (work, compiled, context)
    with ProcessPoolExecutor(workers, mp_context=start, initializer=_begin, initargs=given) as pool:
        waiting: deque[Future[pa.RecordBatch]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(_one, batch))
                if len(waiting) > workers * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _begin(work: Work, compiled: CompiledCampaign, context: RenderContext) -> None:
    global _shared
    collect_seldom()
    _shared = (work, compiled, context)


def _one(batch: pa.RecordBatch) -> pa.RecordBatch:
    if _shared is None:
        raise RuntimeError("this process was not started by over_batches")
    work, compiled, context = _shared
    return work(compiled, context, batch)
