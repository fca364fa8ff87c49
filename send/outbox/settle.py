"""What became of calls, written down: accepted, rejected, unknown, or to be tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from mailwright.model.message import Receipt, Status
from send.adapter import Call
from send.outbox.database import Database
from send.outbox.schema import bodies, calls, messages

State = Literal["done", "waiting", "unknown", "refused", "split"]

_AGAIN_S = 5.0
"""The wait of one message that the ESP put off while it took others of the same call."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one try of a call.

    ``retry_at``: the ESP has not taken it, or its key makes a repeat harmless.
    """

    call: Call
    state: State
    receipts: tuple[Receipt, ...] = ()
    detail: str = ""
    retry_at: float | None = None
    maybe_taken: bool = False
    """Whether the ESP may have taken it all the same."""


def settle(connection: sa.Connection, results: Sequence[Result], owner: str, now: float) -> None:
    """Writes the results. A webhook that was quicker is not overwritten; of a call that another worker has
    taken over, because its lease ran out, only what the ESP has taken is news."""
    results = _fenced(connection, results, owner)
    for result in results:
        if result.state == "waiting":
            _wait(connection, result)
        elif result.state == "split":
            _split(connection, result, now)
    done = [r for r in results if r.state not in ("waiting", "split")]
    if done:
        connection.execute(
            sa.update(calls)
            .where(calls.c.call_id == sa.bindparam("c"))
            .values(state=sa.bindparam("s"), owner=None, attempts=calls.c.attempts + 1),
            [{"c": r.call.call_id, "s": "unknown" if r.state == "unknown" else "done"} for r in done],
        )
        _write_receipts(connection, [row for r in done for row in receipts_of(r)], now)


def _fenced(connection: sa.Connection, results: Sequence[Result], owner: str) -> list[Result]:
    if not results:
        return []
    mine = set(
        connection.execute(
            sa.select(calls.c.call_id).where(
                calls.c.call_id.in_([r.call.call_id for r in results]), calls.c.owner == owner
            )
        ).scalars()
    )
    return [r for r in results if r.call.call_id in mine or r.state == "done"]


def _wait(connection: sa.Connection, result: Result) -> None:
    connection.execute(
        sa.update(calls)
        .where(calls.c.call_id == result.call.call_id)
        .values(
            state="waiting",
            owner=None,
            attempts=calls.c.attempts + 1,
            maybe_taken=sa.or_(calls.c.maybe_taken, sa.literal(result.maybe_taken)),
            next_at=result.retry_at,
        )
    )
    connection.execute(
        sa.update(messages)
        .where(messages.c.call_id == result.call.call_id, messages.c.status == Status.CLAIMED)
        .values(detail=result.detail)
    )


def _split(connection: sa.Connection, result: Result, now: float) -> None:
    """The ESP refused the call as a whole: each member tries alone, so that only the bad ones fail."""
    mine = messages.c.call_id == result.call.call_id
    connection.execute(
        sa.update(calls)
        .where(calls.c.call_id == result.call.call_id)
        .values(state="done", owner=None, attempts=calls.c.attempts + 1)
    )
    connection.execute(
        sa.update(messages)
        .where(mine, messages.c.status == Status.CLAIMED)
        .values(status=Status.PENDING, alone=True, detail=result.detail, due_at=now)
    )


def receipts_of(result: Result) -> Sequence[Receipt]:
    if result.state == "done":
        return result.receipts
    status = Status.UNKNOWN if result.state == "unknown" else Status.REJECTED
    return [Receipt(message_id, status, None, result.detail) for message_id in result.call.message_ids]


def _write_receipts(connection: sa.Connection, receipts: Sequence[Receipt], now: float) -> None:
    by_status: dict[Status, list[Receipt]] = {}
    for receipt in receipts:
        by_status.setdefault(receipt.status, []).append(receipt)
    for status, rows in by_status.items():
        statement = (
            sa.update(messages)
            .where(
                messages.c.message_id == sa.bindparam("m"),
                sa.or_(messages.c.status == Status.CLAIMED, messages.c.status == Status.UNKNOWN),
            )
            .values(
                status=status,
                esp_id=sa.bindparam("e"),
                detail=sa.bindparam("d"),
                settled_at=now,
            )
        )
        if status == Status.ACCEPTED:
            statement = statement.values(part=None)
        if status == Status.PENDING:
            # The ESP has not taken this one of the call's messages, and may later.
            statement = statement.values(due_at=now + _AGAIN_S)
        connection.execute(statement, [{"m": r.message_id, "e": r.esp_id, "d": r.detail} for r in rows])


def forget_bodies(db: Database) -> None:
    """Drops shared bodies that no message needs any more."""
    with db.write() as connection:
        needed = sa.select(messages.c.body_id).where(
            messages.c.body_id.is_not(None), messages.c.part.is_not(None)
        )
        connection.execute(sa.delete(bodies).where(bodies.c.body_id.not_in(needed)))
