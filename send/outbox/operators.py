"""What an operator does from another shell: look, retry, give up, pause, resume, stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from mailwright.errors import UsageError
from mailwright.model.message import SkipReason, Status
from send.outbox.database import Database
from send.outbox.schema import campaigns, messages


@dataclass(frozen=True, slots=True)
class Standing:
    """How one campaign's occasion stands. ``counts``: status, or ``skipped:<reason>``, → messages."""

    campaign: str
    occasion: str
    state: str
    """``running``, ``paused`` or ``stopped``."""
    why: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One message as an operator sees it."""

    message_id: str
    campaign: str
    occasion: str
    profile_id: str
    address: str
    adapter: str
    status: str
    reason: str | None
    detail: str
    attempts: int
    at: float | None
    """Unix seconds of its last change."""


class Operators:
    """Every function here is one short transaction, safe beside any number of senders."""

    def __init__(self, db: Database, clock: Callable[[], float]) -> None:
        self._db, self._clock = db, clock

    def overview(self) -> list[Standing]:
        """Every campaign and occasion that the outbox knows, by name."""
        with self._db.read() as connection:
            held = {
                (r.campaign, r.occasion): (r.state, r.why) for r in connection.execute(sa.select(campaigns))
            }
            rows = connection.execute(
                sa.select(
                    messages.c.campaign,
                    messages.c.occasion,
                    messages.c.status,
                    messages.c.reason,
                    sa.func.count(),
                ).group_by(messages.c.campaign, messages.c.occasion, messages.c.status, messages.c.reason)
            ).all()
        counts: dict[tuple[str, str], dict[str, int]] = {}
        for campaign, occasion, status, reason, count in rows:
            label = f"{status}:{reason}" if status == Status.SKIPPED else status
            of = counts.setdefault((campaign, occasion), {})
            of[label] = of.get(label, 0) + count
        return [
            Standing(*name, *held.get(name, ("running", "")), counts.get(name, {}))
            for name in sorted({*counts, *held})
        ]

    def messages(
        self,
        *,
        campaign: str | None = None,
        occasion: str | None = None,
        status: Status | None = None,
        limit: int = 100,
    ) -> list[Row]:
        """Messages in the order of their recording."""
        at = sa.func.coalesce(messages.c.settled_at, messages.c.claimed_at).label("at")
        names = [f for f in Row.__dataclass_fields__ if f != "at"]
        query = sa.select(*(messages.c[name] for name in names), at)
        query = query.where(*_matching(campaign, occasion, status)).order_by(messages.c.seq).limit(limit)
        with self._db.read() as connection:
            return [Row(**row._mapping) for row in connection.execute(query)]

    def claimed_at(self, message_id: str) -> float | None:
        """When the message was last claimed for sending, in Unix seconds; None: never, or not known."""
        query = sa.select(messages.c.claimed_at).where(messages.c.message_id == message_id)
        with self._db.read() as connection:
            return connection.execute(query).scalar_one_or_none()

    def retry(
        self, message_ids: Sequence[str] = (), *, campaign: str | None = None, status: Status = Status.UNKNOWN
    ) -> int:
        """Puts unknown or rejected messages back in the queue, on the operator's word that they were not
        taken: one that was will go out twice. The number of them. Those without content stay."""
        if status not in (Status.UNKNOWN, Status.REJECTED):
            raise UsageError(f"only unknown and rejected messages can be retried, not {status}")
        return self._change(
            message_ids,
            campaign,
            (status,),
            {"status": Status.PENDING, "due_at": self._clock(), "detail": "retried by an operator"},
            messages.c.part.is_not(None),
        )

    def give_up(self, message_ids: Sequence[str] = (), *, campaign: str | None = None) -> int:
        """Closes unknown messages as rejected, and drops their content. The number of them."""
        return self._change(
            message_ids,
            campaign,
            (Status.UNKNOWN,),
            {
                "status": Status.REJECTED,
                "detail": "given up by an operator",
                "part": None,
                "settled_at": self._clock(),
            },
        )

    def held_back(self) -> list[Standing]:
        """Campaigns that are paused or stopped while messages of theirs wait (``pending``)."""
        waits = sa.func.count()
        query = (
            sa.select(campaigns, waits.label("pending"))
            .join(messages, _of_held())
            .where(messages.c.status == Status.PENDING)
            .group_by(campaigns.c.campaign, campaigns.c.occasion)
        )
        with self._db.read() as connection:
            if not connection.execute(sa.select(sa.exists(sa.select(campaigns.c.campaign)))).scalar():
                return []
            rows = connection.execute(query).all()
        return [
            Standing(r.campaign, r.occasion, r.state, r.why, {str(Status.PENDING): r.pending}) for r in rows
        ]

    def close_stopped(self) -> None:
        """Skips what came to the queue of a campaign after it was stopped: from a run that went on recording,
        or back from a call that was not taken."""
        stopped = sa.select(campaigns.c.campaign).where(_of_held(), campaigns.c.state == "stopped")
        with self._db.read() as connection:
            held = sa.select(sa.exists(sa.select(campaigns.c.campaign).where(campaigns.c.state == "stopped")))
            if not connection.execute(held).scalar():
                return
        with self._db.write() as connection:
            connection.execute(
                sa.update(messages)
                .where(messages.c.status == Status.PENDING, sa.exists(stopped))
                .values(**self._skipped())
            )

    def stopped_since(self, since: float) -> int:
        """Messages that were skipped from this moment on because somebody had stopped their campaign."""
        query = (
            sa.select(sa.func.count())
            .select_from(campaigns)
            .join(messages, _of_held())
            .where(
                campaigns.c.state == "stopped",
                messages.c.status == Status.SKIPPED,
                messages.c.reason == SkipReason.STOPPED,
                messages.c.settled_at >= campaigns.c.at,
                messages.c.settled_at >= since,
            )
        )
        with self._db.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _skipped(self) -> dict[str, Any]:
        why = {"status": Status.SKIPPED, "reason": SkipReason.STOPPED}
        return {**why, "part": None, "settled_at": self._clock()}

    def pause(self, campaign: str, occasion: str, *, why: str = "paused by an operator") -> None:
        """No new call of this campaign leaves; those under way end."""
        self._hold(campaign, occasion, "paused", why)

    def stop(self, campaign: str, occasion: str, *, why: str = "stopped by an operator") -> int:
        """Ends the campaign: what has not left is skipped. The number of messages skipped."""
        self._hold(campaign, occasion, "stopped", why)
        with self._db.write() as connection:
            return int(
                connection.execute(
                    sa.update(messages)
                    .where(*_matching(campaign, occasion, Status.PENDING))
                    .values(**self._skipped())
                ).rowcount
            )

    def resume(self, campaign: str, occasion: str) -> None:
        """Lets a paused campaign go on. UsageError: it was stopped, which is for good."""
        with self._db.write() as connection:
            state = connection.execute(
                sa.select(campaigns.c.state).where(
                    campaigns.c.campaign == campaign, campaigns.c.occasion == occasion
                )
            ).scalar_one_or_none()
            if state == "stopped":
                raise UsageError(
                    f"{campaign} ({occasion}) was stopped, and what it had not sent is skipped",
                    fix="send it under another occasion",
                )
            connection.execute(
                sa.delete(campaigns).where(campaigns.c.campaign == campaign, campaigns.c.occasion == occasion)
            )

    def _hold(self, campaign: str, occasion: str, state: str, why: str) -> None:
        row = {"campaign": campaign, "occasion": occasion, "state": state, "why": why, "at": self._clock()}
        with self._db.write() as connection:
            self._db.upsert(connection, campaigns, row, ("campaign", "occasion"))

    def _change(
        self,
        message_ids: Sequence[str],
        campaign: str | None,
        statuses: tuple[Status, ...],
        values: dict[str, Any],
        *also: sa.ColumnElement[bool],
    ) -> int:
        if not message_ids and campaign is None:
            raise UsageError("name the messages, or the campaign whose messages are meant")
        statement = sa.update(messages).where(messages.c.status.in_(statuses), *also).values(**values)
        if campaign is not None:
            statement = statement.where(messages.c.campaign == campaign)
        with self._db.write() as connection:
            if not message_ids:
                return int(connection.execute(statement).rowcount)
            return sum(
                int(
                    connection.execute(
                        statement.where(messages.c.message_id.in_(message_ids[i : i + 500]))
                    ).rowcount
                )
                for i in range(0, len(message_ids), 500)
            )


def _of_held() -> sa.ColumnElement[bool]:
    return sa.and_(campaigns.c.campaign == messages.c.campaign, campaigns.c.occasion == messages.c.occasion)


def _matching(
    campaign: str | None, occasion: str | None, status: Status | None
) -> list[sa.ColumnElement[bool]]:
    wanted = {"campaign": campaign, "occasion": occasion, "status": status}
    return [messages.c[name] == value for name, value in wanted.items() if value is not None]
