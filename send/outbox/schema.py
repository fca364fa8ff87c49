"""The tables. Times are Unix seconds, because SQLite and PostgreSQL then agree on them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()
_SEQ = BigInteger().with_variant(Integer, "sqlite")

messages = Table(
    "outbox_messages",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    Column("message_id", String(64), nullable=False, unique=True),
    Column("adapter", String(40), nullable=False),
    Column("campaign", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("profile_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("address_hash", LargeBinary(32), nullable=False),
    # Of campaign, occasion and address: two that share it are duplicates. NULL: may go beside another.
    Column("mailbox", LargeBinary(16)),
    Column("purpose", Text),
    Column("timezone", Text, nullable=False, default=""),
    # The shared body of a grouped call; NULL: the part is whole.
    Column("body_id", String(64)),
    # zstd; NULL once it is no longer needed. part_bytes is its length before.
    Column("part", LargeBinary),
    Column("part_bytes", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(32)),
    Column("detail", Text, nullable=False, default=""),
    Column("esp_id", Text),
    Column("call_id", String(64)),
    Column("position", Integer),
    Column("attempts", Integer, nullable=False, default=0),
    # Must not share a call: one that it was in was refused as a whole.
    Column("alone", Boolean, nullable=False, default=False),
    Column("due_at", Float, nullable=False),
    # The end of the window in which it may leave.
    Column("not_after", Float),
    Column("claimed_at", Float),
    Column("settled_at", Float),
    Index("outbox_messages_due", "status", "adapter", "body_id", "seq"),
    Index("outbox_messages_call", "call_id", "position"),
    Index("outbox_messages_profile", "profile_id", "claimed_at"),
    Index("outbox_messages_campaign", "campaign", "occasion", "status"),
    Index("outbox_messages_esp_id", "esp_id"),
    Index("outbox_messages_mailbox", "mailbox"),
)

bodies = Table(
    "outbox_bodies",
    metadata,
    Column("body_id", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("content_bytes", Integer, nullable=False),
)

calls = Table(
    "outbox_calls",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("adapter", String(40), nullable=False),
    Column("key", String(64), nullable=False),
    Column("body_id", String(64)),
    # SHA-256 of the payload, which is the body and the members' parts in their order.
    Column("digest", LargeBinary(32), nullable=False),
    Column("size", Integer, nullable=False),
    Column("members", Integer, nullable=False),
    # claimed → done | waiting (known not taken, or safe to repeat under its key) | unknown
    Column("state", String(16), nullable=False),
    Column("owner", String(64)),
    Column("lease_until", Float),
    Column("attempts", Integer, nullable=False, default=0),
    # Whether a try may have been taken though no answer came; such a call is repeated under its key only.
    Column("maybe_taken", Boolean, nullable=False, default=False),
    Column("first_claimed_at", Float, nullable=False),
    Column("next_at", Float),
    Index("outbox_calls_state", "state", "adapter", "next_at"),
)

campaigns = Table(
    "outbox_campaigns",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("occasion", Text, primary_key=True),
    # paused | stopped; a campaign that runs has no row.
    Column("state", String(16), nullable=False),
    Column("why", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
)

suppressions = Table(
    "outbox_suppressions",
    metadata,
    # HMAC-SHA256 of the canonical address, so that an erased person stays suppressed without being named.
    Column("address_hash", LargeBinary(32), primary_key=True),
    Column("address", Text),
    Column("reason", String(32), nullable=False),
    Column("source", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
)

preferences = Table(
    "outbox_preferences",
    metadata,
    Column("profile_id", Text, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("wanted", Boolean, nullable=False),
    Column("at", Float, nullable=False),
)

events = Table(
    "outbox_events",
    metadata,
    Column("esp", String(40), primary_key=True),
    Column("event_id", String(200), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Column("message_id", String(64)),
    Column("esp_id", Text),
    Column("reason", String(16)),
    Column("detail", Text, nullable=False, default=""),
    Column("url", Text),
    Column("received_at", Float, nullable=False),
    Index("outbox_events_message", "message_id", "at"),
    Index("outbox_events_received", "received_at"),
)

attributes = Table(
    "outbox_attributes",
    metadata,
    # What each platform has of a profile, as it was last sent: JSON, the address under "".
    Column("platform", String(40), primary_key=True),
    Column("profile_id", Text, primary_key=True),
    Column("sent", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
)

counters = Table(
    "outbox_counters",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("count", BigInteger, nullable=False, default=0),
)

meta = Table(
    "outbox_meta",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
