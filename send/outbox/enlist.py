"""Intent: messages are recorded, with all that their call will need, before any call is made."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from mailwright.model.message import Message, SkipReason, Status
from send.outbox.database import Database
from send.outbox.schema import bodies, messages
from send.policy import zone_of


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as the outbox keeps it. ``part`` is None when it is refused or skipped from the start."""

    message: Message
    part: bytes | None
    body: tuple[str, bytes] | None = None
    """Id and content of the shared body of a grouped call."""
    skip: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Enlisted:
    """What became of the messages of one batch: how many are new, and the standing of those that were not."""

    new: int
    known: Counter[tuple[str, str | None]]
    """(status, reason) → count, of messages recorded before."""
    unsendable: Counter[str | None]
    """Reason → count of new messages that will never be sent; None: this ESP cannot take them."""


def enlist(
    db: Database,
    entries: Sequence[Entry],
    *,
    adapter: str,
    purpose: str | None,
    hash_address: Any,
    now: float,
    run_started: float,
) -> Enlisted:
    """Records the messages that are not there yet; in one transaction (``enlist_in``)."""
    with db.write() as connection:
        return enlist_in(
            db,
            connection,
            entries,
            adapter=adapter,
            purpose=purpose,
            hash_address=hash_address,
            now=now,
            run_started=run_started,
        )


def enlist_in(
    db: Database,
    connection: sa.Connection,
    entries: Sequence[Entry],
    *,
    adapter: str,
    purpose: str | None,
    hash_address: Any,
    now: float,
    run_started: float,
) -> Enlisted:
    """``enlist`` inside of a transaction that changes other things with it: a trigger's timer, say.

    One that an earlier run left behind and this run has sent meanwhile stands as pending: the sending
    counts it. One that was skipped before is weighed again: its reason may be gone, and it was never sent.
    """
    rows = {e.message.message_id: _row(e, adapter, purpose, hash_address, now) for e in entries}
    found = connection.execute(
        sa.select(messages.c.message_id, messages.c.status, messages.c.reason, messages.c.claimed_at).where(
            messages.c.message_id.in_(list(rows))
        )
    ).all()
    again = [
        row.message_id for row in found if row.status == Status.SKIPPED and row.reason != SkipReason.STOPPED
    ]
    if again:
        connection.execute(
            sa.delete(messages).where(messages.c.message_id.in_(again), messages.c.status == Status.SKIPPED)
        )
    known = {row.message_id: _standing(row, run_started) for row in found if row.message_id not in again}
    new = [row for message_id, row in rows.items() if message_id not in known]
    db.insert_new(
        connection,
        bodies,
        [
            {"body_id": i, "content": compress(c), "content_bytes": len(c)}
            for i, c in {e.body for e in entries if e.body is not None}
        ],
    )
    db.insert_new(connection, messages, new)
    dead = Counter(row["reason"] for row in new if row["status"] != Status.PENDING)
    return Enlisted(len(new), Counter(known.values()), dead)


def _standing(row: Any, run_started: float) -> tuple[str, str | None]:
    if row.claimed_at is not None and row.claimed_at >= run_started:
        return Status.PENDING, None
    return row.status, row.reason


def _row(entry: Entry, adapter: str, purpose: str | None, hash_address: Any, now: float) -> dict[str, Any]:
    message = entry.message
    hashed = hash_address(message.to.email)
    status = Status.PENDING
    if entry.skip is not None:
        status = Status.SKIPPED
    elif entry.refused is not None:
        status = Status.REJECTED
    return {
        "message_id": message.message_id,
        "adapter": adapter,
        "campaign": _storable(message.campaign),
        "occasion": _storable(message.occasion),
        "profile_id": _storable(message.profile_id),
        "address": _storable(message.to.email),
        "address_hash": hashed,
        "mailbox": _mailbox(message, hashed) if message.once_per_mailbox else None,
        "purpose": purpose,
        "timezone": _storable(message.timezone),
        "body_id": entry.body[0] if entry.body is not None else None,
        "part": compress(entry.part) if entry.part is not None else None,
        "part_bytes": len(entry.part or b""),
        "status": status,
        "reason": entry.skip,
        "detail": _storable(entry.refused or ""),
        "due_at": due_at(message, now),
        "not_after": None if message.not_after is None else message.not_after.timestamp(),
        "attempts": 0,
        "alone": False,
    }


def _mailbox(message: Message, address_hash: bytes) -> bytes:
    same = "\0".join((message.campaign, message.occasion)).encode("utf-8", "replace")
    return hashlib.blake2b(same, digest_size=16, key=address_hash).digest()


def due_at(message: Message, now: float) -> float:
    """When the message may go, in Unix seconds: not before its moment, nor before its hour of the
    recipient's day."""
    due = now if message.not_before is None else max(now, message.not_before.timestamp())
    if message.send_at is None:
        return due
    local = datetime.fromtimestamp(due, zone_of(message.timezone) or UTC)
    hour = message.send_at
    moment = local.replace(hour=hour.hour, minute=hour.minute, second=hour.second, microsecond=0, fold=0)
    return max(due, moment.timestamp())


def _storable(text: str) -> str:
    """The text as PostgreSQL and UTF-8 can hold it: without NUL and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def compress(content: bytes) -> bytes:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


def decompress(content: bytes, size: int) -> bytes:
    if not size:
        return b""
    plain: bytes = pa.decompress(content, decompressed_size=size, codec="zstd", asbytes=True)
    return plain
