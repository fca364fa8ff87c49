"""One transaction of what happens: the profiles and runs in memory, until they are written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from triggers.profile import LiveProfile
from triggers.runs import Run
from triggers.store import Past, Store


@dataclass
class Batch:
    """One transaction: what is in memory of it until it is written."""

    connection: sa.Connection
    now: datetime
    profiles: dict[str, LiveProfile]
    runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    """Profile → its runs that are under way, or were when the transaction began."""
    changed: dict[str, LiveProfile] = field(default_factory=dict)
    """The profiles that must be written back."""
    moved: dict[str, str] = field(default_factory=dict)
    """Profile → the last message that may have changed the segments it is in."""
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(profile, trigger) → how many events could have started it."""
    later: dict[str, dict[str, list[tuple[dict[str, Any], str]]]] = field(default_factory=dict)
    """Profile → trigger → those of them, with their messages, that it is asked about at the end."""
    _past: dict[tuple[str, str], list[Past]] | None = None

    def replace(self, run: Run) -> None:
        """Go on with this run in place of the same as it was kept: it has been taken further."""
        others = [one for one in self.runs[run.profile_id] if one.seq != run.seq]
        self.runs[run.profile_id] = [*others, run]
        run.changed = True

    def past(self, store: Store, profile_id: str, trigger: str, triggers: Sequence[str]) -> list[Past]:
        """What the store has of a trigger's runs for a profile; read for the whole batch, and all
        ``triggers``, when first asked."""
        if self._past is None:
            self._past = store.past(self.connection, self.profiles, triggers)
        return self._past.get((profile_id, trigger), [])
