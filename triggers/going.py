"""The mails that go out in one transaction: to the outbox, to the memory that caps ask, to what measures."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mailwright.model.identity import message_id
from mailwright.model.message import Message
from send.outbox.enlist import enlist_in
from send.prepare import Preparer
from triggers.mails import Made
from triggers.runs import Journal, Run
from triggers.schema import records
from triggers.store import Store
from triggers.world import World


class Going:
    """Collects them. ``sent`` are mails before them, which caps count: profile → (trigger, Unix seconds)."""

    def __init__(
        self,
        world: World,
        store: Store,
        adapter: str,
        journal: Journal,
        sent: dict[str, list[tuple[str, float]]],
        now: datetime,
    ) -> None:
        self._world, self._store, self._adapter, self._journal = world, store, adapter, journal
        self.sent, self._now = sent, now
        self._messages: list[Message] = []
        self._rows: list[tuple[Any, ...]] = []

    def add(self, run: Run, message: Message) -> None:
        """One more mail."""
        at = self._now.timestamp()
        self._messages.append(message)
        self.sent.setdefault(run.profile_id, []).append((run.trigger, at))
        self._rows.append(
            (message.message_id, run.trigger, run.profile_id, message.campaign, message.occasion, at)
        )
        run.mails += 1
        self._journal.step(run, "sent", self._now, campaign=message.campaign, message_id=message.message_id)

    def record(self, connection: sa.Connection, run: Run, campaign: str, occasion: str, made: Made) -> None:
        """What measuring will need of a mail, or of one that was held back."""
        row = {
            "message_id": message_id(campaign, run.profile_id, occasion),
            "trigger": run.trigger,
            "profile_id": run.profile_id,
            "campaign": campaign,
            "occasion": occasion,
            "at": self._now.timestamp(),
            "skip_reason": made.reason or None,
            "facts": made.facts,
        }
        self._store.db.insert_new(connection, records, [row])

    def hand_over(self, connection: sa.Connection, preparer: Preparer) -> None:
        """All of them to the outbox."""
        by_purpose: dict[str | None, list[Message]] = defaultdict(list)
        for message in self._messages:
            by_purpose[self._world.workspace.campaign(message.campaign).value.purpose].append(message)
        outbox = self._store.outbox
        for purpose, messages in by_purpose.items():
            enlist_in(
                self._store.db,
                connection,
                [preparer.prepare(message) for message in messages],
                adapter=self._adapter,
                purpose=purpose,
                hash_address=outbox.hash_address,
                now=outbox.clock(),
                run_started=outbox.clock(),
            )
        self._store.add_sends(connection, self._rows)
