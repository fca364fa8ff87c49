"""One mail of a campaign and occasion to one mailbox, whatever number of profiles share it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from mailwright.model.message import Status
from send.outbox.database import Database
from send.outbox.schema import messages
from send.outbox.wanted import SENT


def duplicates(db: Database, connection: sa.Connection, rows: Sequence[Any]) -> tuple[set[str], set[str]]:
    """Ids of the messages whose mailbox has had its mail, and of those of which that is not known yet.

    Of two among the rows the first stays. Not known: another worker is weighing the mailbox's other message
    at this very moment; whoever asks again after its transaction knows.
    """
    twice: set[str] = set()
    first: dict[bytes, str] = {}
    for row in rows:
        if row.mailbox is not None and first.setdefault(row.mailbox, row.message_id) != row.message_id:
            twice.add(row.message_id)
    if not first:
        return set(), set()
    others = connection.execute(
        sa.select(messages.c.message_id, messages.c.mailbox, messages.c.status).where(
            messages.c.mailbox.in_(first), messages.c.status.in_((*SENT, Status.PENDING))
        )
    ).all()
    mine = {row.message_id for row in rows}
    waiting: dict[str, set[str]] = defaultdict(set)
    for other in others:
        if other.message_id in mine:
            continue
        if other.status == Status.PENDING:
            waiting[other.message_id].add(first[other.mailbox])
        else:
            twice.add(first[other.mailbox])
    return twice, _contested(db, connection, waiting) - twice


def _contested(db: Database, connection: sa.Connection, waiting: dict[str, set[str]]) -> set[str]:
    """Those whose mailbox's other message, still to be sent, is in another worker's hands.

    What is not is held here until the transaction ends, so that nobody claims it beside ours.
    """
    if not waiting or not db.is_postgres:
        return set()
    free = connection.execute(
        db.locked(
            sa.select(messages.c.message_id).where(
                messages.c.message_id.in_(waiting), messages.c.status == Status.PENDING
            ),
            messages,
        )
    ).scalars()
    return set().union(*(waiting[other] for other in waiting.keys() - set(free)))
