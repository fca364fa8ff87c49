"""What ESPs tell us afterwards: stored once each, moved into the messages' standing, and acted on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from mailwright.model.message import SkipReason, Status
from send.address import canonical
from send.event import Event, Kind, RejectReason
from send.outbox.database import Database
from send.outbox.schema import counters, events, messages, suppressions

_BECOMES = {
    Kind.QUEUED: Status.ACCEPTED,
    Kind.SENT: Status.ACCEPTED,
    Kind.REJECTED: Status.REJECTED,
    Kind.FAILED: Status.REJECTED,
    Kind.BOUNCED: Status.BOUNCED,
    Kind.DEFERRED: Status.DEFERRED,
    Kind.DELIVERED: Status.DELIVERED,
    Kind.OPENED: Status.OPENED,
    Kind.CLICKED: Status.CLICKED,
    Kind.COMPLAINED: Status.COMPLAINED,
    Kind.UNSUBSCRIBED: Status.UNSUBSCRIBED,
}
MACHINE = "machine"
"""Stands as the reason of an open or click that no person did."""
_BEFORE: dict[Status, tuple[Status, ...]] = {}
"""Status → those that it may follow. Webhooks come late, twice and in any order: a status never goes back."""
_ORDER = (
    (Status.CLAIMED, Status.UNKNOWN),
    (Status.ACCEPTED,),
    (Status.DEFERRED,),
    (Status.DELIVERED,),
    (Status.OPENED,),
    (Status.CLICKED,),
    (Status.REJECTED, Status.BOUNCED),
    (Status.UNSUBSCRIBED,),
    (Status.COMPLAINED,),
)
for _i, _rank in enumerate(_ORDER):
    for _status in _rank:
        _BEFORE[_status] = tuple(s for earlier in _ORDER[:_i] for s in earlier)

_SUPPRESSES = {
    Kind.BOUNCED: SkipReason.SUPPRESSED,
    Kind.COMPLAINED: SkipReason.SUPPRESSED,
    Kind.UNSUBSCRIBED: SkipReason.UNSUBSCRIBED,
}
_SOFT = (RejectReason.BLOCKED, RejectReason.TIMED_OUT)
"""Bounces that speak of the server or the mail, not of the address."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """An event as ``audience`` and ``measure`` read it: whose, of which mail."""

    profile_id: str
    campaign: str
    occasion: str
    message_id: str
    kind: str
    at: float
    url: str | None


class Feedback:
    """The desk for webhooks."""

    def __init__(
        self, db: Database, hash_address: Callable[[str], bytes], clock: Callable[[], float]
    ) -> None:
        self._db, self._hash, self._clock = db, hash_address, clock

    def record(self, batch: Sequence[Event]) -> int:
        """Stores the events that are new and acts on them, in one transaction; how many were new."""
        with self._db.write() as connection:
            fresh = self._fresh(connection, batch)
            known = self._by_esp_id(connection, fresh)
            rows = []
            for event in fresh:
                message_id = event.message_id or known.get((event.esp, event.esp_id or ""))
                rows.append(self._row(event, message_id))
                if message_id is not None:
                    self._move(connection, event, message_id)
                self._suppress(connection, event, message_id)
            self._db.insert_new(connection, events, rows)
            return len(fresh)

    def any(self) -> bool:
        """Whether an ESP has ever told us anything."""
        with self._db.read() as connection:
            return connection.execute(sa.select(events.c.event_id).limit(1)).first() is not None

    def count(self, name: str) -> None:
        """Adds one to a counter (webhooks refused, for instance)."""
        with self._db.write() as connection:
            self._db.insert_new(connection, counters, [{"name": name, "count": 0}])
            connection.execute(
                sa.update(counters).where(counters.c.name == name).values(count=counters.c.count + 1)
            )

    def counters(self) -> dict[str, int]:
        with self._db.read() as connection:
            return dict(connection.execute(sa.select(counters.c.name, counters.c.count)).all())

    def interactions(self, *, since: float = 0.0) -> Iterable[Interaction]:
        """What people did with their mails, by the time we were told; for profiles and results."""
        query = (
            sa.select(
                messages.c.profile_id,
                messages.c.campaign,
                messages.c.occasion,
                messages.c.message_id,
                events.c.kind,
                events.c.at,
                events.c.url,
            )
            .join(messages, messages.c.message_id == events.c.message_id)
            .where(events.c.received_at >= since)
            .order_by(events.c.received_at, events.c.event_id)
        )
        with self._db.read() as connection:
            for row in connection.execute(query):
                yield Interaction(*row)

    def _fresh(self, connection: sa.Connection, batch: Sequence[Event]) -> list[Event]:
        unique = {(event.esp, event.event_id[:200]): event for event in batch}
        seen = set(
            connection.execute(
                sa.select(events.c.esp, events.c.event_id).where(
                    events.c.event_id.in_([key[1] for key in unique])
                )
            )
        )
        return [event for key, event in unique.items() if key not in seen]

    def _by_esp_id(self, connection: sa.Connection, batch: Sequence[Event]) -> dict[tuple[str, str], str]:
        wanted = {event.esp_id for event in batch if event.message_id is None and event.esp_id}
        if not wanted:
            return {}
        rows = connection.execute(
            sa.select(messages.c.adapter, messages.c.esp_id, messages.c.message_id).where(
                messages.c.esp_id.in_(wanted)
            )
        )
        return {(adapter, esp_id): message_id for adapter, esp_id, message_id in rows}

    def _row(self, event: Event, message_id: str | None) -> dict[str, object]:
        return {
            "esp": event.esp,
            "event_id": event.event_id[:200],
            "kind": event.kind,
            "at": event.at,
            "message_id": message_id,
            "esp_id": event.esp_id,
            "reason": MACHINE if event.machine else event.reason,
            "detail": event.detail[:300],
            "url": event.url,
            "received_at": self._clock(),
        }

    def _move(self, connection: sa.Connection, event: Event, message_id: str) -> None:
        status = _BECOMES.get(event.kind)
        if status is None or event.machine:
            return
        values: dict[str, object] = {"status": status, "settled_at": self._clock()}
        if event.esp_id:
            values["esp_id"] = event.esp_id
        if event.detail:
            values["detail"] = event.detail[:300]
        connection.execute(
            sa.update(messages)
            .where(messages.c.message_id == message_id, messages.c.status.in_(_BEFORE[status]))
            .values(**values)
        )

    def _suppress(self, connection: sa.Connection, event: Event, message_id: str | None) -> None:
        reason = _SUPPRESSES.get(event.kind)
        if reason is None or event.reason in _SOFT:
            return
        address = event.address
        if message_id is not None:
            # Our own record before the ESP's word: a webhook may name an address in another spelling.
            mine = connection.execute(
                sa.select(messages.c.address).where(messages.c.message_id == message_id)
            ).scalar_one_or_none()
            address = mine or address
        if address:
            row = {
                "address_hash": self._hash(address),
                "address": canonical(address),
                "reason": reason,
                "source": f"{event.esp}: {event.kind}",
                "at": self._clock(),
            }
            self._db.insert_new(connection, suppressions, [row])
