"""What one profile has beside its attributes."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rules.events import EventView


@dataclass(frozen=True, slots=True)
class RuleContext:
    """The clock of the run (aware), the segments that the profile is in, and its events."""

    now: datetime
    segments: Container[str] = field(default_factory=frozenset)
    events: EventView = field(default_factory=EventView)


Closure = Callable[[Mapping[str, Any], RuleContext], Any]
"""What computes a node: from the profile (or the event, in a condition on events) and the context."""
