"""After a death: what was under way is repeated where its key makes that harmless, else it is unknown."""

from __future__ import annotations

import sqlalchemy as sa

from mailwright.model.message import Status
from send.adapter import Capabilities
from send.outbox.database import Database
from send.outbox.schema import calls, messages

_MARGIN_S = 300.0
"""Kept between the last repeat under a key and the end of the key's life at the ESP."""


def key_holds(capabilities: Capabilities, first_claimed_at: float, now: float) -> bool:
    """Whether the ESP still knows the key of a call that may have reached it at ``first_claimed_at``."""
    life = capabilities.key_life
    return life is not None and now < first_claimed_at + life.total_seconds() - min(
        _MARGIN_S, life.total_seconds() / 4
    )


def recover(db: Database, adapter: str, capabilities: Capabilities, *, sole: bool, now: float) -> int:
    """Takes back the calls of dead workers; the number of messages that are now unknown.

    ``sole``: the caller holds the sender lock, so every claimed call is a dead process's. Otherwise only
    those whose lease has run out are. A call that was waiting longer than its key lives is unknown too,
    when it may have been taken.
    """
    with db.write() as connection:
        dead = sa.select(calls.c.call_id, calls.c.first_claimed_at).where(
            calls.c.state == "claimed", calls.c.adapter == adapter
        )
        if not sole:
            dead = dead.where(calls.c.lease_until < now)
        rows = connection.execute(db.locked(dead, calls)).all()
        again = [r.call_id for r in rows if key_holds(capabilities, r.first_claimed_at, now)]
        lost = [r.call_id for r in rows if r.call_id not in set(again)]
        if again:
            connection.execute(
                sa.update(calls)
                .where(calls.c.call_id.in_(again))
                .values(state="waiting", owner=None, next_at=now, maybe_taken=True)
            )
        if not lost:
            return 0
        connection.execute(
            sa.update(calls).where(calls.c.call_id.in_(lost)).values(state="unknown", owner=None)
        )
        return int(
            connection.execute(
                sa.update(messages)
                .where(messages.c.call_id.in_(lost), messages.c.status == Status.CLAIMED)
                .values(
                    status=Status.UNKNOWN,
                    detail="the sending process died while the call was under way",
                    settled_at=now,
                )
            ).rowcount
        )
