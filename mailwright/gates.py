"""The launch gates of a campaign, held against exact figures of the whole audience."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mailwright.model.campaign import Gates


@dataclass(frozen=True)
class Figures:
    """What the gates look at; every figure is exact, from a full render pass."""

    eligible: int
    rendered: int
    with_fallback: int
    """Mails in which a slot shows a block that needs nothing though another was meant."""
    largest_bytes: int
    blocks: int
    """Blocks of the campaign's slots."""
    blocks_shown: int
    """Those of them that at least one recipient gets."""


@dataclass(frozen=True)
class Gate:
    """One gate, its limit, what the audience came to, and whether it holds."""

    name: str
    limit: float
    value: float
    holds: bool

    def __str__(self) -> str:
        sign = "≤" if self.name.startswith("max_") else "≥"
        verdict = "holds" if self.holds else "BROKEN"
        return f"{self.name}: {self.value:g} {sign} {self.limit:g} {verdict}"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


MEASURES: Mapping[str, Callable[[Figures], float]] = {
    "max_fallback_rate": lambda figures: _share(figures.with_fallback, figures.rendered),
    "max_skipped": lambda figures: _share(figures.eligible - figures.rendered, figures.eligible),
    "max_size_kb": lambda figures: figures.largest_bytes / 1024,
    "min_coverage": lambda figures: _share(figures.blocks_shown, figures.blocks) if figures.blocks else 1.0,
    "min_recipients": lambda figures: figures.rendered,
    "max_recipients": lambda figures: figures.rendered,
}
"""How each gate of ``model.campaign.Gates`` is measured."""


def hold_against(gates: Gates, figures: Figures) -> list[Gate]:
    """Each gate that the campaign states, measured."""
    held = []
    for name, measure in MEASURES.items():
        limit = getattr(gates, name)
        if limit is None:
            continue
        value = measure(figures)
        holds = value <= limit if name.startswith("max_") else value >= limit
        held.append(Gate(name, limit, round(value, 4), holds))
    return held
