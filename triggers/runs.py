"""A run: one trigger on its way for one profile and occasion; and the decisions that are made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

import orjson

from rules import Rule, RuleContext
from triggers.profile import LiveProfile

What = Literal[
    "started", "restarted", "ignored", "waits", "branched", "set", "sent", "cancelled", "suppressed", "ended"
]
"""``ignored``: nothing began. ``cancelled``: an event of ``unless`` came. ``suppressed``: no mail, for a
reason. ``ended``: all steps were taken, or the goal was reached."""

State = Literal["waiting", "done", "cancelled", "suppressed"]

ASLEEP = -1
"""The place of a run that waits for a profile to have been silent for long enough."""
_MOST_TRACE = 50


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
    event: dict[str, Any]
    state: State = "waiting"
    reason: str | None = None
    rev: int = 0
    mails: int = 0
    ended_at: datetime | None = None
    trace: list[dict[str, Any]] = field(default_factory=list)
    changed: bool = False

    def end(self, state: State, reason: str, now: datetime) -> None:
        """The run is over."""
        self.state, self.reason, self.ended_at, self.changed = state, reason, now, True

    def note(self, decision: Decision) -> None:
        """Remember a decision; of very many the first and the last."""
        entry = decision.as_dict()
        for key in ("trigger", "profile_id", "occasion"):
            entry.pop(key, None)
        self.trace.append(entry)
        if len(self.trace) > _MOST_TRACE:
            del self.trace[_MOST_TRACE // 2]
        self.changed = True

    @property
    def traced(self) -> bytes:
        return orjson.dumps(self.trace)


@dataclass
class Journal:
    """Takes every decision: counts all, keeps them where somebody wants to read them (``kept``)."""

    kept: list[Decision] | None = None
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(trigger, what, reason) → how often."""

    def note(self, decision: Decision, run: Run | None = None) -> None:
        self.counts[decision.trigger, decision.what, decision.reason] += 1
        if self.kept is not None:
            self.kept.append(decision)
        if run is not None:
            run.note(decision)

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


def last_seen(profile: LiveProfile) -> datetime | None:
    """When the profile last did something itself: what a mail reports of its own delivery is no deed."""
    for row in reversed(profile.rows):
        if row["event"] != "email_delivered":
            moment: datetime = row["at"]
            return moment
    return None
