"""Caps: how many mails a trigger, or all of them together, may send a profile in a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from triggers.program import Cap, Trigger
from triggers.runs import Run
from triggers.store import Store
from triggers.stored import instant


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
        found = first_reached(self._triggers[run.trigger], sent.get(run.profile_id, ()), now)
        if found is None:
            return ""
        since = (-found[0].per).shift(now) or now
        return f"{found[0]} since {since.isoformat()}"


def first_reached(
    trigger: Trigger, mails: Sequence[tuple[str, float]], now: datetime
) -> tuple[Cap, datetime] | None:
    """The first cap that a profile's mails, as (trigger, Unix seconds), have reached, and when it is free
    again; None: there is none."""
    for cap in trigger.caps if mails else ():
        since = ((-cap.per).shift(now) or now).timestamp()
        counted = sorted(at for of, at in mails if at > since and (cap.across or of == trigger.name))
        if len(counted) >= cap.count:
            oldest = instant(counted[-cap.count])
            return cap, cap.per.shift(oldest) or oldest
    return None
