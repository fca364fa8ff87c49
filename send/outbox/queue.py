"""What is due, and cut into what fits one call each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from mailwright.model.message import Status
from send.adapter import Adapter
from send.outbox.database import Database
from send.outbox.pack import pack
from send.outbox.schema import bodies, calls, campaigns, messages
from send.policy import DeliveryPolicy

_LOOK = 5_000
"""Messages looked at per claim, at most."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The pending messages of one adapter, as one worker sees them."""

    db: Database
    adapter: Adapter
    policy: DeliveryPolicy

    def packs(
        self, connection: sa.Connection, slots: int, flush: bool, now: float
    ) -> Iterator[list[sa.Row[Any]]]:
        """Rows that fit one call each: by count, bytes, and an address once."""
        limits = self.adapter.capabilities
        budget = self._budget(connection, now)
        for body_id, count in self._bodies(connection):
            most = limits.max_messages if body_id is None else limits.max_grouped
            most = min(most, self.policy.max_in_call or most)
            if slots <= 0:
                return
            if most > 1 and count < most and not flush:
                continue
            rows = self._due(connection, body_id, min(_LOOK, slots * most), now)
            shared = 0 if body_id is None else self._body_bytes(connection, body_id)
            for chosen in pack(rows, most, limits.max_bytes - shared - 512):
                growing = most > 1 and not flush and len(chosen) < most and chosen[-1] is rows[-1]
                if slots <= 0 or growing or budget <= 0:
                    break
                slots -= 1
                budget -= len(chosen)
                yield chosen[: len(chosen) + min(budget, 0)]

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

    def held(self, connection: sa.Connection, row: sa.Row[Any]) -> bool:
        """Whether the campaign of this message is paused or stopped."""
        query = sa.select(campaigns.c.state).where(
            campaigns.c.campaign == row.campaign, campaigns.c.occasion == row.occasion
        )
        return connection.execute(query).first() is not None

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


def _held() -> sa.ColumnElement[bool]:
    """The message's campaign is paused or stopped."""
    return sa.exists().where(
        campaigns.c.campaign == messages.c.campaign, campaigns.c.occasion == messages.c.occasion
    )
