"""Work on parts that do not depend on each other, on all cores: Arrow, NumPy and DuckDB let threads share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

P = TypeVar("P")
R = TypeVar("R")


def each(work: Callable[[P], R], parts: Iterable[P], *, large: bool = True) -> list[R]:
    """What comes of the work on each part, in their order; threads are not worth it unless they are large."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not large or workers == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, parts))


def meanwhile(work: Callable[[], R]) -> Future[R]:
    """Have work done by a thread of its own while others go on."""
    thread = ThreadPoolExecutor(max_workers=1)
    found = thread.submit(work)
    thread.shutdown(wait=False)
    return found
