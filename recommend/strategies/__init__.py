"""Strategies a block can ask for by name: each file is one, its name the file's.

A file has ``open_tier(context) -> Tier``. A strategy does not fall back on the chain: a block that says "its
price has dropped" must not show what is merely popular, so it gets fewer items, and a note why.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from mailwright.errors import UsageError, did_you_mean
from recommend.context import Context
from recommend.tiers import Tier, open_tiers

FOR_YOU = "for_you"
"""The fallback chain."""


def open_strategy(name: str, context: Context) -> tuple[Tier, ...]:
    """The tiers of a strategy. Raises UsageError for a name that there is no file of."""
    if name == FOR_YOU:
        return open_tiers(context)
    if name not in (known := strategy_names()):
        raise UsageError(f"there is no strategy {name!r}", fix=did_you_mean(name, known))
    return (import_module(f"{__name__}.{name}").open_tier(context),)


def strategy_names() -> tuple[str, ...]:
    """Every name that ``recommend(strategy=…)`` takes, sorted."""
    return tuple(sorted([FOR_YOU, *(found.name for found in iter_modules(__path__))]))
