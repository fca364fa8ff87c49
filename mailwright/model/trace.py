"""The trace: why one mail is as it is. The same object in preview, test, ``explain`` and send log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mailwright.model.recommendation import Recommendation


@dataclass(frozen=True, slots=True)
class Operand:
    """One thing that a rule looked at: ``points`` was 1240, ``segment('vip')`` was true, or missing."""

    expression: str
    value: Any
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule came to, and by which clause.

    ``holds`` is None when the rule is unknown, which counts as not holding; ``missing`` then names the
    attributes without which it could not be decided.
    """

    rule: str
    holds: bool | None
    operands: tuple[Operand, ...] = ()
    decided_by: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One block that could have filled a slot. ``verdict`` is one of ``chosen``, ``not_reached``,
    ``condition``, ``needs``, ``dates``, ``locale``, ``experiment``, ``failed``; ``outcomes`` are the rules
    looked at."""

    block: str
    verdict: str
    reason: str
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotTrace:
    """How one slot was filled. ``block`` is None when an optional slot stayed empty."""

    slot: str
    block: str | None
    reason: str
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class FallbackUse:
    """A value was missing and its stated fallback was shown instead."""

    expression: str
    shown: str
    where: str


@dataclass(frozen=True, slots=True)
class AskedList:
    """A list of items that a block asks for by itself, and what it was given."""

    ask: str
    """As a template says it: ``recommend(strategy="similar", to=cart.items, n=4)``."""
    items: tuple[Recommendation, ...]
    note: str = ""
    """Why there are fewer than asked for; empty when there are enough."""
    shown: bool = False
    """Whether the mail shows it: its block was chosen, or the template itself asks."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that decided one mail."""

    message_id: str
    profile_id: str
    campaign: str
    occasion: str
    fingerprint: str
    now: str
    """The clock of the run, ISO 8601 in UTC."""
    variant: str = ""
    audience: Outcome | None = None
    segments: tuple[str, ...] = ()
    slots: tuple[SlotTrace, ...] = ()
    fallbacks: tuple[FallbackUse, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    recommendation_note: str = ""
    """Why there are fewer recommendations than asked for; empty when there are enough."""
    asked: tuple[AskedList, ...] = ()
    """What blocks ask for beside the recommendations."""
    experiments: dict[str, str] = field(default_factory=dict)
    """Experiment → the arm that is shown."""
    promoted: tuple[str, ...] = ()
    """Those of ``experiments`` in which the profile takes no part, and is shown the promoted winner."""
    skip: str | None = None
    skip_detail: str = ""
