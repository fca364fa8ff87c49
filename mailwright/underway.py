"""Campaigns that are being made now: where each run stands, told to whoever watches from another process.

A run keeps one small file, ``under-way/<name>.json`` in the workspace's state, locked as long as it lives:
the kernel lets go of the lock at any death, so a file that nobody holds is of a run that is over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO
from uuid import uuid4

import orjson

from mailwright.progress import Stages

try:
    import fcntl
except ImportError:  # elsewhere nobody can tell whether a run lives, and none is told of
    fcntl = None  # type: ignore[assignment]

FOLDER = "under-way"
_EVERY_S = 0.5


@dataclass(frozen=True)
class Underway:
    """One run: ``done`` of ``total`` of its ``stage``; both 0 where the stage does not count."""

    campaign: str
    occasion: str
    rehearsal: bool
    stage: str = ""
    done: int = 0
    total: int = 0


@contextmanager
def told(state: Path, run: Underway, stages: Stages) -> Iterator[None]:
    """Tell where the run stands, stage by stage, until the block ends; files of dead runs go."""
    folder = state / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if _read(path) is None:
            path.unlink(missing_ok=True)
    part = folder / f"{uuid4().hex}.part"
    with part.open("wb", buffering=0) as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        stages.watch = _Teller(file, run).tell
        stages.watch("", 0, 0)
        path = part.rename(part.with_suffix(".json"))  # only now, for a file that nobody holds goes
        try:
            yield
        finally:
            stages.watch = None
            path.unlink(missing_ok=True)


def runs_under_way(state: Path) -> list[Underway]:
    """The runs of a workspace that are alive, by campaign."""
    found = (_read(path) for path in (state / FOLDER).glob("*.json"))
    return sorted((run for run in found if run is not None), key=lambda run: (run.campaign, run.occasion))


class _Teller:
    def __init__(self, file: IO[bytes], run: Underway) -> None:
        self._file, self._run = file, run
        self._last = 0.0

    def tell(self, stage: str, done: int, total: int) -> None:
        new = stage != self._run.stage
        if not new and time.monotonic() - self._last < _EVERY_S:
            return
        self._last = time.monotonic()
        self._run = replace(self._run, stage=stage, done=done, total=total)
        # In one piece and as long as ever, so that whoever reads meanwhile sees no half of it.
        self._file.seek(0)
        self._file.write(orjson.dumps(asdict(self._run)).ljust(1024))


def _read(path: Path) -> Underway | None:
    """What the file says, where a run holds it."""
    with suppress(OSError, ValueError, TypeError), path.open("rb") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Underway(**orjson.loads(file.read()))
    return None
