"""The moment of sending: who may still be mailed, which of them share a call, and the call committed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from mailwright.errors import SendError
from mailwright.model.identity import fingerprint
from mailwright.model.message import SkipReason, Status
from send.adapter import Adapter, Call
from send.address import canonical
from send.outbox.database import Database
from send.outbox.enlist import decompress
from send.outbox.recover import key_holds
from send.outbox.schema import bodies, calls, campaigns, messages, preferences, suppressions
from send.policy import DeliveryPolicy

_LOOK = 5_000
"""Messages looked at per claim, at most."""
_SENT = (
    Status.CLAIMED, Status.ACCEPTED, Status.UNKNOWN, Status.DELIVERED, Status.DEFERRED, Status.OPENED,
    Status.CLICKED, Status.COMPLAINED, Status.UNSUBSCRIBED,
)  # fmt: skip
"""What counts against a frequency cap: all that has left, or may have."""


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
            for pack in self._packs(connection, slots, flush, now):
                rows = self._still_wanted(connection, pack, now, found)
                if rows:
                    found.calls.append(self._commit_call(connection, rows, now))
        return found

    def next_due(self, connection: sa.Connection) -> tuple[float | None, float | None]:
        """When the next tried call, and the next new message, may go; None: there is none."""
        again = sa.select(sa.func.min(calls.c.next_at)).where(
            calls.c.state == "waiting", calls.c.adapter == self.adapter.name
        )
        new = sa.select(sa.func.min(messages.c.due_at)).where(
            messages.c.status == Status.PENDING, messages.c.adapter == self.adapter.name, ~_held()
        )
        return connection.execute(again).scalar(), connection.execute(new).scalar()

    def count_left(self, connection: sa.Connection) -> int:
        """Messages of this adapter that are still to be sent."""
        waiting = sa.select(sa.func.count()).where(
            messages.c.status.in_((Status.PENDING, Status.CLAIMED)),
            messages.c.adapter == self.adapter.name,
        )
        return int(connection.execute(waiting).scalar_one())

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
            wanted = not self._reasons(connection, list(members), now, counted=True)
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

    # ── new calls ──

    def _packs(
        self, connection: sa.Connection, slots: int, flush: bool, now: float
    ) -> Iterator[list[sa.Row[Any]]]:
        """Rows that fit one call each: by count, bytes, and an address once."""
        limits = self.adapter.capabilities
        budget = self._budget(connection, now)
        for body_id, count in self._bodies(connection):
            most = limits.max_messages if body_id is None else limits.max_grouped
            if slots <= 0:
                return
            if most > 1 and count < most and not flush:
                continue
            rows = self._due(connection, body_id, min(_LOOK, slots * most), now)
            shared = 0 if body_id is None else self._body_bytes(connection, body_id)
            for pack in _pack(rows, most, limits.max_bytes - shared - 512):
                growing = most > 1 and not flush and len(pack) < most and pack[-1] is rows[-1]
                if slots <= 0 or growing or budget <= 0:
                    break
                slots -= 1
                budget -= len(pack)
                yield pack[: len(pack) + min(budget, 0)]

    def _bodies(self, connection: sa.Connection) -> list[tuple[str | None, int]]:
        limits = self.adapter.capabilities
        if limits.max_messages == 1 and not (self.policy.group and limits.max_grouped):
            return [(None, _LOOK)]
        rows = connection.execute(
            sa.select(messages.c.body_id, sa.func.count(), sa.func.min(messages.c.seq))
            .where(messages.c.status == Status.PENDING, messages.c.adapter == self.adapter.name)
            .group_by(messages.c.body_id)
            .order_by(sa.func.min(messages.c.seq))
        ).all()
        return [(row[0], row[1]) for row in rows]

    def _due(
        self, connection: sa.Connection, body_id: str | None, limit: int, now: float
    ) -> Sequence[sa.Row[Any]]:
        return connection.execute(
            self.db.locked(
                sa.select(messages)
                .where(
                    messages.c.status == Status.PENDING,
                    messages.c.adapter == self.adapter.name,
                    messages.c.body_id.is_(None) if body_id is None else messages.c.body_id == body_id,
                    messages.c.due_at <= now,
                    ~_held(),
                )
                .order_by(messages.c.seq)
                .limit(limit),
                messages,
            )
        ).all()

    def _budget(self, connection: sa.Connection, now: float) -> int:
        """Messages that the warm-up plan still allows within this hour."""
        plan = self.policy.warm_up
        limit = plan.limit(datetime.fromtimestamp(now, UTC)) if plan is not None else None
        if limit is None:
            return 1 << 60
        gone = sa.select(sa.func.count()).where(
            messages.c.adapter == self.adapter.name, messages.c.claimed_at > now - 3600
        )
        return limit - int(connection.execute(gone).scalar_one())

    def _body_bytes(self, connection: sa.Connection, body_id: str) -> int:
        return int(
            connection.execute(
                sa.select(bodies.c.content_bytes).where(bodies.c.body_id == body_id)
            ).scalar_one()
        )

    # ── who may still be mailed ──

    def _still_wanted(
        self, connection: sa.Connection, rows: list[sa.Row[Any]], now: float, found: Claim
    ) -> list[sa.Row[Any]]:
        reasons = self._reasons(connection, rows, now)
        later = self._later(rows, now)
        for row in rows:
            if reason := reasons.get(row.message_id):
                connection.execute(
                    sa.update(messages)
                    .where(messages.c.seq == row.seq)
                    .values(status=Status.SKIPPED, reason=reason, part=None, settled_at=now)
                )
                found.skipped.append(reason)
            elif row.message_id in later:
                connection.execute(
                    sa.update(messages)
                    .where(messages.c.seq == row.seq)
                    .values(due_at=later[row.message_id], reason="quiet_hours")
                )
                found.later += 1
        return [row for row in rows if row.message_id not in reasons and row.message_id not in later]

    def _reasons(
        self, connection: sa.Connection, rows: list[sa.Row[Any]], now: float, *, counted: bool = False
    ) -> dict[str, str]:
        """Message id → why it will not be sent; the first reason in the order of SkipReason counts.

        ``counted``: the rows already stand in the count of their profiles' caps.
        """
        reasons: dict[str, str] = {}
        if self.policy.not_after is not None and now > self.policy.not_after.timestamp():
            return {row.message_id: SkipReason.STOPPED for row in rows}
        hashes = {row.address_hash for row in rows}
        listed = dict(
            connection.execute(
                sa.select(suppressions.c.address_hash, suppressions.c.reason).where(
                    suppressions.c.address_hash.in_(hashes)
                )
            ).all()
        )
        unwanted = self._unwanted(connection, rows)
        capped = set() if counted else self._capped(connection, rows, now)
        for row in rows:
            if (why := listed.get(row.address_hash)) is not None:
                unsubscribed = why == SkipReason.UNSUBSCRIBED
                reasons[row.message_id] = SkipReason.UNSUBSCRIBED if unsubscribed else SkipReason.SUPPRESSED
            elif (row.profile_id, "*") in unwanted:
                reasons[row.message_id] = SkipReason.UNSUBSCRIBED
            elif (row.profile_id, row.purpose) in unwanted:
                reasons[row.message_id] = SkipReason.NO_CONSENT
            elif row.profile_id in capped:
                reasons[row.message_id] = SkipReason.CAPPED
        return reasons

    def _unwanted(self, connection: sa.Connection, rows: list[sa.Row[Any]]) -> set[tuple[str, str]]:
        found = connection.execute(
            sa.select(preferences.c.profile_id, preferences.c.purpose).where(
                preferences.c.profile_id.in_({row.profile_id for row in rows}),
                preferences.c.wanted.is_(False),
            )
        ).all()
        return {(row.profile_id, row.purpose) for row in found}

    def _capped(self, connection: sa.Connection, rows: list[sa.Row[Any]], now: float) -> set[str]:
        capped: set[str] = set()
        for cap in self.policy.caps:
            had: dict[str, int] = dict(
                connection.execute(
                    sa.select(messages.c.profile_id, sa.func.count())
                    .where(
                        messages.c.profile_id.in_({row.profile_id for row in rows}),
                        messages.c.claimed_at > now - cap.days * 86400,
                        messages.c.status.in_(_SENT),
                    )
                    .group_by(messages.c.profile_id)
                ).all()
            )
            for row in rows:
                had[row.profile_id] = had.get(row.profile_id, 0) + 1
                if had[row.profile_id] > cap.count:
                    capped.add(row.profile_id)
        return capped

    def _later(self, rows: list[sa.Row[Any]], now: float) -> dict[str, float]:
        quiet = self.policy.quiet_hours
        if quiet is None:
            return {}
        at = datetime.fromtimestamp(now, UTC)
        ends = {row.message_id: quiet.until(at, row.timezone) for row in rows}
        return {message_id: end.timestamp() for message_id, end in ends.items() if end is not None}

    # ── the call ──

    def _commit_call(self, connection: sa.Connection, rows: list[sa.Row[Any]], now: float) -> Call:
        members = [row.message_id for row in rows]
        key = members[0] if len(members) == 1 else fingerprint("call", members)
        call_id = fingerprint("claim", key, [row.attempts for row in rows])
        call = self._call(connection, call_id, key, rows[0].body_id, rows)
        if call is None:
            raise SendError("a message that is pending has lost its content", fix="restore the outbox")
        connection.execute(
            sa.insert(calls),
            {
                "call_id": call_id,
                "adapter": self.adapter.name,
                "key": key,
                "body_id": rows[0].body_id,
                "digest": hashlib.sha256(call.payload.content).digest(),
                "size": len(call.payload.content),
                "members": len(rows),
                "state": "claimed",
                "owner": self.owner,
                "lease_until": self._lease(now),
                "attempts": 0,
                "first_claimed_at": now,
                "next_at": None,
            },
        )
        connection.execute(
            sa.update(messages)
            .where(messages.c.message_id == sa.bindparam("m"))
            .values(
                status=Status.CLAIMED,
                call_id=call_id,
                position=sa.bindparam("at"),
                attempts=messages.c.attempts + 1,
                claimed_at=now,
                reason=None,
            ),
            [{"m": message_id, "at": i} for i, message_id in enumerate(members)],
        )
        return call

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


def _held() -> sa.ColumnElement[bool]:
    """The message's campaign is paused or stopped."""
    return sa.exists().where(
        campaigns.c.campaign == messages.c.campaign, campaigns.c.occasion == messages.c.occasion
    )


def _pack(rows: Sequence[sa.Row[Any]], most: int, max_bytes: int) -> Iterator[list[sa.Row[Any]]]:
    """Cuts rows, in their order, where a limit is met, an address comes a second time or a campaign ends."""
    pack: list[sa.Row[Any]] = []
    size, seen = 0, set[str]()
    for row in rows:
        address = canonical(row.address) if most > 1 else ""
        full = len(pack) == most or size + row.part_bytes + 1 > max_bytes
        if most > 1 and pack and not full:
            other = (row.campaign, row.occasion) != (pack[-1].campaign, pack[-1].occasion)
            full = other or address in seen or row.alone or pack[-1].alone
        if pack and full:
            yield pack
            pack, size, seen = [], 0, set()
        pack.append(row)
        size += row.part_bytes + 1
        seen.add(address)
    if pack:
        yield pack
