"""What a program remembers of its cards, bounded in number and in bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from render.language import MAX_WORK, WORK

CARDS = 16_384
"""Results that one remembered function keeps, the least recently used dropped first."""
MOST = 64_000_000
"""Bytes that all results of a program may hold together; with more, all are dropped at once."""


class Shelf:
    """The remembered functions of one program."""

    def __init__(self) -> None:
        self._functions: list[Any] = []
        self._held = 0

    def remember(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """A function of an item's id and a locale, which remembers. What it does is its own work and no
        mail's: otherwise the mail that comes first would fail where the next one does not."""

        def alone(*key: Any) -> Any:
            left, WORK.left = WORK.left, MAX_WORK
            try:
                made = write(*key)
            finally:
                WORK.left = left
            self._held += sum(map(len, made))
            if self._held > MOST:
                self._clear()
            return made

        remembering = lru_cache(CARDS)(alone)
        self._functions.append(remembering)
        return remembering

    def __len__(self) -> int:
        """Results that are remembered."""
        return sum(function.cache_info().currsize for function in self._functions)

    def _clear(self) -> None:
        for function in self._functions:
            function.cache_clear()
        self._held = 0
