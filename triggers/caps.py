"""Caps: how many mails a trigger, or all of them together, may send a profile in a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from triggers.program import Trigger
from triggers.runs import Run
from triggers.store import Store


class Caps:
    """Counts the mails of a profile against the caps of a trigger."""

    def __init__(self, triggers: Mapping[str, Trigger], store: Store) -> None:
        self._triggers, self._store = triggers, store

    def before(
        self, connection: sa.Connection, claimed: Sequence[Run], now: datetime
    ) -> dict[str, list[tuple[str, float]]]:
        """The mails of these profiles that a cap of one of these triggers may count."""
        triggers = {run.trigger: self._triggers.get(run.trigger) for run in claimed}
        caps = [cap for trigger in triggers.values() if trigger is not None for cap in trigger.caps]
        if not caps:
            return {}
        since = min((-cap.per).shift(now) or now for cap in caps)
        return self._store.sends_of(connection, {run.profile_id for run in claimed}, since)

    def reached(self, sent: Mapping[str, list[tuple[str, float]]], run: Run, now: datetime) -> str:
        """Which cap is reached; nothing: none."""
        mine = sent.get(run.profile_id, ())
        for cap in self._triggers[run.trigger].caps if mine else ():
            since = (-cap.per).shift(now) or now
            from_then = since.timestamp()
            count = sum(at > from_then and (cap.across or of == run.trigger) for of, at in mine)
            if count >= cap.count:
                whose = "all triggers" if cap.across else "this trigger"
                return f"{cap.count} of {whose} since {since.isoformat()}"
        return ""
