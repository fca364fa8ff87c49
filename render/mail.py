"""One mail as it was made, or why it was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mailwright.model.message import SkipReason
from render.language import LimitError, MissingValueError, UnsafeValueError

FAILURES = (
    MissingValueError,
    UnsafeValueError,
    LimitError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)
"""What hostile or missing data can raise in generated code."""


class NoBlockError(Exception):
    """A slot that must not be empty had no block left."""


@dataclass
class Mail:
    """One mail made, or why it was not. ``slots`` holds what each slot shows in the end."""

    message_id: str
    subject: str = ""
    preheader: str = ""
    html: bytes = b""
    text: str = ""
    skip: SkipReason | None = None
    detail: str = ""
    slots: dict[str, str | None] = field(default_factory=dict)
    failed: list[tuple[str, str, str]] = field(default_factory=list)
    """Slot, block and reason of each block that could not be made."""
    uses: list[tuple[str, int, Any]] = field(default_factory=list)
    """Output, number and shown value of each fallback used."""
    unsubscribe_url: str = ""
    arms: frozenset[int] = frozenset()
    edition: str = ""
    """``CompiledCampaign.edition_name``."""

    @property
    def variant(self) -> str:
        return variant_id(self.slots, self.edition)


def variant_id(slots: Mapping[str, str | None], edition: str = "") -> str:
    """The name of a combination of blocks: ``hero=vip;cross_sell=-``; of an edition ``…;@subject=short``."""
    named = [f"{slot}={block or '-'}" for slot, block in slots.items()]
    return ";".join([*named, f"@{edition}"] if edition else named)
