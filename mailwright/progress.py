"""How long each stage took, and how far it is: told to whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""Called with (done, total) as a stage goes on."""


class Stages:
    """Times the stages of a run. A subclass that shows them overrides ``begin``, ``advance`` and ``end``."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.watch: Callable[[str, int, int], None] | None = None
        """Told (stage, done, total) too, whatever a subclass shows."""

    @contextmanager
    def __call__(self, stage: str) -> Iterator[Progress]:
        started = time.perf_counter()
        self.begin(stage)
        self._tell(stage, 0, 0)

        def progress(done: int, total: int) -> None:
            self.advance(stage, done, total)
            self._tell(stage, done, total)

        try:
            yield progress
        finally:
            self.seconds[stage] = round(time.perf_counter() - started, 3)
            self.end(stage)

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.watch is not None:
            self.watch(stage, done, total)

    def begin(self, stage: str) -> None:
        """The stage starts."""

    def advance(self, stage: str, done: int, total: int) -> None:
        """The stage has done that much."""

    def end(self, stage: str) -> None:
        """The stage is over, well or not."""
