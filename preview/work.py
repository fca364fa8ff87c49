"""Work that somebody waits for: which stage it is at, and what can be shown before the rest is done."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from mailwright.engine import Outline
from mailwright.progress import Stages
from preview.census import Census, take_census


class Work(Stages):
    """The stages of work that somebody waits for: which one it is at, and how far."""

    def __init__(self) -> None:
        super().__init__()
        self.stage, self.done, self.total = "", 0, 0
        self.begun: Future[Outlined] = Future()
        """Done when there is something to see before the rest is done."""

    @property
    def outline(self) -> Outlined | None:
        """What there is to see before the rest is done."""
        return self.begun.result() if self.begun.done() else None

    def begin(self, stage: str) -> None:
        self.stage, self.done, self.total = stage, 0, 0

    def advance(self, stage: str, done: int, total: int) -> None:
        self.stage, self.done, self.total = stage, done, total

    def outlined(self, outline: Outline) -> None:
        self.begun.set_result(Outlined(outline, take_census(outline)))


@dataclass(frozen=True)
class Outlined:
    """Who gets which block, counted while recommendations are still made."""

    outline: Outline
    census: Census
