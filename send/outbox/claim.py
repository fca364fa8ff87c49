"""The moment of sending: who may still be mailed, which of them share a call, and the call committed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from mailwright.errors import SendError
from mailwright.model.identity import fingerprint
from mailwright.model.message import SkipReason, Status
from send.adapter import Adapter, Call
from send.outbox.database import Database
from send.outbox.duplicates import duplicates
from send.outbox.enlist import decompress
from send.outbox.queue import Queue
from send.outbox.recover import key_holds
from send.outbox.schema import bodies, calls, messages
from send.outbox.wanted import Wanted
from send.policy import DeliveryPolicy

_WEIGHED_AT_ONCE = 2_000
"""Messages whose standing is read in one go; SQLite takes 32,766 parameters a statement."""


@dataclass(slots=True)
class Claim:
    """Calls that may leave now, and how many messages were set aside, by reason."""

    calls: list[Call]
    skipped: list[str]
    """The reason of each message that will not be sent."""
    later: int = 0
    """Messages put off to a later hour."""


@dataclass(frozen=True, slots=True)
class Claimer:
    """Takes what is due from the store for one worker."""

    db: Database
    adapter: Adapter
    owner: str
    policy: DeliveryPolicy

    @property
    def _queue(self) -> Queue:
        return Queue(self.db, self.adapter, self.policy)

    @property
    def _wanted(self) -> Wanted:
        return Wanted(self.policy)

    def claim(self, connection: sa.Connection, slots: int, *, flush: bool, now: float) -> Claim:
        """Up to ``slots`` calls. Without ``flush`` a call that could still grow is left to grow.

        Nothing claimed may leave before the connection's transaction is committed.
        """
        if self.db.is_postgres and (self.policy.caps or self.policy.warm_up):
            # What is counted here, another worker may be claiming at this moment.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(727001)"))
        found = Claim(self._again(connection, slots, now), [])
        slots -= len(found.calls)
        if slots > 0:
            batch: list[list[sa.Row[Any]]] = []
            for pack in self._queue.packs(connection, slots, flush, now):
                batch.append(pack)
                if sum(map(len, batch)) >= _WEIGHED_AT_ONCE:
                    self._commit(connection, batch, now, found)
                    batch = []
            self._commit(connection, batch, now, found)
        return found

    # ── calls that have been tried before ──

    def _again(self, connection: sa.Connection, slots: int, now: float) -> list[Call]:
        due = connection.execute(
            self.db.locked(
                sa.select(calls)
                .where(
                    calls.c.state == "waiting", calls.c.adapter == self.adapter.name, calls.c.next_at <= now
                )
                .order_by(calls.c.next_at)
                .limit(slots),
                calls,
            )
        ).all()
        ready = []
        for row in due:
            members = connection.execute(
                sa.select(messages).where(messages.c.call_id == row.call_id).order_by(messages.c.position)
            ).all()
            call = self._call(connection, row.call_id, row.key, row.body_id, members)
            why = self._cannot_repeat(connection, row, members, call, now)
            if call is None or why:
                self._dissolve(connection, row, why, now)
                continue
            connection.execute(
                sa.update(calls)
                .where(calls.c.call_id == row.call_id)
                .values(state="claimed", owner=self.owner, lease_until=self._lease(now))
            )
            ready.append(replace(call, attempts=row.attempts, maybe_taken=row.maybe_taken))
        return ready

    def _cannot_repeat(
        self,
        connection: sa.Connection,
        row: sa.Row[Any],
        members: Sequence[Any],
        call: Call | None,
        now: float,
    ) -> str:
        """Why a call that was tried before must not leave again as it was; empty when it may."""
        if call is None or hashlib.sha256(call.payload.content).digest() != row.digest:
            return "what would leave is not what left before (another version made its parts)"
        if not row.maybe_taken:
            if self._queue.held(connection, members[0]):
                return "the campaign is paused or stopped"
            wanted = not self._wanted.reasons(connection, list(members), now, counted=True)
            return "" if wanted else "a recipient may no longer be mailed"
        if not key_holds(self.adapter.capabilities, row.first_claimed_at, now):
            return "the ESP no longer knows the key of a call that it may have taken"
        return ""

    def _dissolve(self, connection: sa.Connection, row: sa.Row[Any], why: str, now: float) -> None:
        """The call will not be repeated. What it never delivered goes back to the queue, else is unknown."""
        back = not row.maybe_taken
        connection.execute(
            sa.update(calls).where(calls.c.call_id == row.call_id).values(state="done" if back else "unknown")
        )
        connection.execute(
            sa.update(messages)
            .where(messages.c.call_id == row.call_id, messages.c.status == Status.CLAIMED)
            .values(status=Status.PENDING if back else Status.UNKNOWN, detail=why, due_at=now)
        )

    def _commit(
        self, connection: sa.Connection, packs: list[list[sa.Row[Any]]], now: float, found: Claim
    ) -> None:
        """Weighs the packs' messages and writes the calls that are left of them, in few statements."""
        if not packs:
            return
        rows = [row for pack in packs for row in pack]
        reasons = self._wanted.reasons(connection, rows, now)
        left = [row for row in rows if row.message_id not in reasons]
        twice, contested = duplicates(self.db, connection, left)
        reasons |= dict.fromkeys(twice, SkipReason.DUPLICATE_ADDRESS)
        later = {m: at for m, at in self._wanted.later(rows, now).items() if m not in reasons}
        out = reasons.keys() | later.keys() | contested
        self._set_aside(connection, reasons, later, now)
        found.skipped += reasons.values()
        found.later += len(later)
        written: list[dict[str, Any]] = []
        members: list[dict[str, Any]] = []
        for pack in packs:
            kept = [row for row in pack if row.message_id not in out]
            if kept:
                call = self._new_call(connection, kept)
                found.calls.append(call)
                written.append(self._row(call, kept[0].body_id, now))
                members += [{"m": m, "call": call.call_id, "at": i} for i, m in enumerate(call.message_ids)]
        if written:
            connection.execute(sa.insert(calls), written)
            connection.execute(
                sa.update(messages)
                .where(messages.c.message_id == sa.bindparam("m"))
                .values(
                    status=Status.CLAIMED,
                    call_id=sa.bindparam("call"),
                    position=sa.bindparam("at"),
                    attempts=messages.c.attempts + 1,
                    claimed_at=now,
                    reason=None,
                ),
                members,
            )

    def _set_aside(
        self, connection: sa.Connection, reasons: dict[str, str], later: dict[str, float], now: float
    ) -> None:
        this = messages.c.message_id == sa.bindparam("m")
        if reasons:
            connection.execute(
                sa.update(messages)
                .where(this)
                .values(status=Status.SKIPPED, reason=sa.bindparam("why"), part=None, settled_at=now),
                [{"m": message_id, "why": why} for message_id, why in reasons.items()],
            )
        if later:
            connection.execute(
                sa.update(messages).where(this).values(due_at=sa.bindparam("at"), reason="quiet_hours"),
                [{"m": message_id, "at": at} for message_id, at in later.items()],
            )

    # ── the call ──

    def _new_call(self, connection: sa.Connection, rows: list[sa.Row[Any]]) -> Call:
        members = [row.message_id for row in rows]
        key = members[0] if len(members) == 1 else fingerprint("call", members)
        call_id = fingerprint("claim", key, [row.attempts for row in rows])
        call = self._call(connection, call_id, key, rows[0].body_id, rows)
        if call is None:
            raise SendError("a message that is pending has lost its content", fix="restore the outbox")
        return call

    def _row(self, call: Call, body_id: str | None, now: float) -> dict[str, Any]:
        return {
            "call_id": call.call_id,
            "adapter": self.adapter.name,
            "key": call.key,
            "body_id": body_id,
            "digest": hashlib.sha256(call.payload.content).digest(),
            "size": len(call.payload.content),
            "members": len(call.message_ids),
            "state": "claimed",
            "owner": self.owner,
            "lease_until": self._lease(now),
            "attempts": 0,
            "first_claimed_at": now,
            "next_at": None,
        }

    def _call(
        self, connection: sa.Connection, call_id: str, key: str, body_id: str | None, rows: Sequence[Any]
    ) -> Call | None:
        """The call as its members' parts make it; None when a part is no longer there."""
        shared = None
        if body_id is not None:
            body = connection.execute(sa.select(bodies).where(bodies.c.body_id == body_id)).one()
            shared = decompress(body.content, body.content_bytes)
        if any(row.part is None for row in rows):
            return None
        parts = [decompress(row.part, row.part_bytes) for row in rows]
        return Call(
            call_id=call_id,
            key=key,
            payload=self.adapter.assemble(shared, parts),
            message_ids=tuple(row.message_id for row in rows),
            addresses=tuple(row.address for row in rows),
            campaign=rows[0].campaign,
            occasion=rows[0].occasion,
        )

    def _lease(self, now: float) -> float:
        return now + self.policy.call_timeout_s * 1.5
