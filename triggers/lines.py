"""Events out of a file or a pipe, in batches: a full one at once, a smaller one when nothing more comes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import IO, Any

from triggers.ingest import read_lines

TOGETHER = 1_000
_PATIENCE_S = 0.2
_READ_AHEAD = 10_000
_LONGEST_LINE = 1_000_000
"""Bytes; of a longer line the rest is a line of its own, and both are refused."""


def batches(file: IO[bytes]) -> Iterator[list[Any]]:
    """The objects of JSON Lines until the file ends; what is no JSON comes as text, to be refused."""
    lines: queue.Queue[bytes | None] = queue.Queue(_READ_AHEAD)
    threading.Thread(target=_read, args=(file, lines), daemon=True).start()
    ended = False
    while not ended:
        some: list[bytes] = []
        wait: float | None = None  # the first of a batch may take as long as it likes
        while len(some) < TOGETHER:
            try:
                line = lines.get(timeout=wait)
            except queue.Empty:
                break
            if line is None:
                ended = True
                break
            some.append(line)
            wait = _PATIENCE_S
        if some:
            yield list(read_lines(some))


def _read(file: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    try:
        while line := file.readline(_LONGEST_LINE):
            lines.put(line)
    finally:
        lines.put(None)
