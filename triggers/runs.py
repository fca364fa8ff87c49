"""A run: one trigger on its way for one profile and occasion; and the decisions that are made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

import orjson

from rules import Rule, RuleContext

What = Literal[
    "started", "restarted", "ignored", "waits", "branched", "set", "sent", "cancelled", "suppressed", "ended"
]
"""``ignored``: nothing began. ``cancelled``: an event of ``unless`` came. ``suppressed``: no mail, for a
reason. ``ended``: all steps were taken, or the goal was reached."""

State = Literal["waiting", "done", "cancelled", "suppressed"]

ASLEEP = -1
"""The place of a run that waits for a profile to have been silent for long enough."""
SILENCE = "since:"
"""So the occasion of a run by ``inactivity`` begins; then comes when the profile was last seen."""
_LONGEST_TRACE = 12_000
"""Bytes; about a hundred decisions."""
_ENDS = 20


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing decided, and why."""

    at: datetime
    trigger: str
    profile_id: str
    what: What
    reason: str = ""
    occasion: str = ""
    campaign: str = ""
    message_id: str = ""
    due_at: datetime | None = None
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: without what is empty; instants as ISO 8601."""
        shown: dict[str, Any] = {}
        for name in _FIELDS:
            value = getattr(self, name)
            if value not in ("", None):
                shown[name] = value.isoformat() if isinstance(value, datetime) else value
        return shown


_FIELDS = tuple(field.name for field in fields(Decision))
_IN_TRACE = ("campaign", "message_id", "due_at", "detail")
"""Beside ``at``, ``what`` and ``reason``; the run itself knows trigger, profile and occasion."""


@dataclass(slots=True)
class Run:
    """A row of ``trigger_runs``. ``seq`` is None while it is not stored."""

    seq: int | None
    trigger: str
    profile_id: str
    occasion: str
    place: int
    version: str
    due_at: datetime
    started_at: datetime
    origin: bytes
    """What it began with. JSON, which is read where somebody asks."""
    state: State = "waiting"
    reason: str | None = None
    rev: int = 0
    mails: int = 0
    ended_at: datetime | None = None
    trace: bytes = b"[]"
    """The decisions, oldest first. JSON."""
    changed: bool = False

    def end(self, state: State, reason: str, now: datetime) -> None:
        """The run is over."""
        self.state, self.reason, self.ended_at, self.changed = state, reason, now, True

    def note(self, at: datetime, what: What, reason: str, more: Mapping[str, Any]) -> None:
        """Remember a decision, of which ``more`` has other fields; of very many the first and the last."""
        shown: dict[str, Any] = {"at": at, "what": what}
        if reason:
            shown["reason"] = reason
        for name in _IN_TRACE:
            if value := more.get(name):
                shown[name] = value
        before = self.trace[:-1] + b"," if len(self.trace) > 2 else b"["
        self.trace = before + orjson.dumps(shown) + b"]"
        if len(self.trace) > _LONGEST_TRACE:
            entries = orjson.loads(self.trace)
            self.trace = orjson.dumps(entries[:_ENDS] + entries[-_ENDS:])
        self.changed = True

    @property
    def event(self) -> dict[str, Any]:
        """What it began with."""
        found: dict[str, Any] = orjson.loads(self.origin)
        return found

    @property
    def came_to_nothing(self) -> bool:
        """No mail, and none to come: its occasion is still free."""
        return came_to_nothing(self.state, self.mails)

    @property
    def began_at(self) -> datetime:
        """When that happened which it began with."""
        at = self.event.get("at")
        return datetime.fromisoformat(at) if isinstance(at, str) else self.started_at


def came_to_nothing(state: str, mails: int) -> bool:
    """Whether a run is over without a mail for its profile, be it in memory or in the store."""
    return state in ("cancelled", "suppressed") and mails == 0


@dataclass
class Journal:
    """Takes every decision: counts all, keeps them where somebody wants to read them (``kept``)."""

    kept: list[Decision] | None = None
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(trigger, what, reason) → how often."""

    def note(
        self,
        at: datetime,
        trigger: str,
        profile_id: str,
        what: What,
        reason: str = "",
        *,
        run: Run | None = None,
        **more: Any,
    ) -> None:
        """Something was decided; ``more`` are fields of ``Decision``."""
        self.counts[trigger, what, reason] += 1
        if self.kept is not None:
            self.kept.append(Decision(at, trigger, profile_id, what, reason, **more))
        if run is not None:
            run.note(at, what, reason, more)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is noted within it is forgotten where it fails, as what it wrote is."""
        counts, kept = self.counts.copy(), len(self.kept or ())
        try:
            yield
        except BaseException:
            self.counts = counts
            if self.kept is not None:
                del self.kept[kept:]
            raise

    def step(self, run: Run, what: What, at: datetime, **more: Any) -> None:
        """Something was decided about a run."""
        self.note(at, run.trigger, run.profile_id, what, run=run, occasion=run.occasion, **more)

    def why(self, rule: Rule, profile: Mapping[str, Any], context: RuleContext) -> str:
        """The values that decided a rule, where somebody will read it."""
        if self.kept is None:
            return ""
        outcome = rule.explain(profile, context)
        values = ", ".join(
            f"{operand.expression} {'is missing' if operand.missing else f'= {_shown(operand.value)}'}"
            for operand in outcome.operands
        )
        return f"{rule.text}: {values}" if values else rule.text


def _shown(value: Any) -> str:
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return text if len(text) <= 80 else text[:77] + "…"
