"""The tiers of the fallback chain: each file is one, found by itself and asked in the order of its ``ORDER``.

A file has ``ORDER`` (an integer, the most personal first) and ``open_tier(context) -> Tier``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol

from mailwright.model.recommendation import Reason
from recommend.arrays import F32, F64, I64, Mask
from recommend.context import Context


@dataclass(frozen=True)
class Scored:
    """The scores of a block of rows."""

    block: F32
    """float32[rows, columns]; -inf for what this tier does not recommend. The chain may write into it."""
    settle: Callable[[I64], F64]
    """The final scores of chosen columns, int64[rows, k] → float64[rows, k], to the last bit whatever other
    rows are in the block: the order of two nearly equal items must not depend on who else gets a mail."""


class Tier(Protocol):
    """One way to recommend."""

    source: str

    def applies(self) -> Mask:
        """For which rows this tier knows enough."""

    def groups(self) -> I64 | None:
        """Of each row a number: rows of one number have the same scores. None: each row has its own."""

    def score(self, rows: I64) -> Scored:
        """Scores of all candidates for these rows."""

    def because(self, rows: I64, items: I64) -> I64:
        """What led to each item, int64[rows, k] for items int64[rows, k]; read by ``reason``."""

    def reason(self, code: int) -> Reason:
        """What a code of ``because`` means."""


def open_tiers(context: Context) -> tuple[Tier, ...]:
    """Every tier, the most personal first."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    modules = [module for module in modules if hasattr(module, "ORDER")]
    return tuple(module.open_tier(context) for module in sorted(modules, key=lambda module: module.ORDER))
