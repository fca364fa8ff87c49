"""The tables, beside those of the outbox in the same database. Times are Unix seconds, as there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()
_WAITING: dict[str, Any] = dict.fromkeys(("sqlite_where", "postgresql_where"), text("state = 'waiting'"))
_SEQ = BigInteger().with_variant(Integer, "sqlite")

profiles = Table(
    "trigger_profiles",
    metadata,
    Column("profile_id", Text, primary_key=True),
    # Grows with every change; also how many events the profile has had here, and so the next one's number.
    Column("version", Integer, nullable=False, default=0),
    # What identify calls and journeys have said, over what the files say. JSON.
    Column("attributes", LargeBinary, nullable=False),
    # The segments that it was in after its last event, of those that triggers ask about. JSON.
    Column("segments", LargeBinary),
)

events = Table(
    "trigger_events",
    metadata,
    Column("profile_id", Text, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("message_id", String(220), nullable=False, unique=True),
    Column("event", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("received_at", Float, nullable=False),
    # The fields of the event, typed by the workspace's schema. JSON.
    Column("fields", LargeBinary, nullable=False),
)

# Calls that are no events (identify, alias) by their message id, so that a repeated one is passed over.
calls = Table(
    "trigger_calls",
    metadata,
    Column("message_id", String(200), primary_key=True),
    Column("received_at", Float, nullable=False),
)

aliases = Table(
    "trigger_aliases",
    metadata,
    Column("anonymous_id", Text, primary_key=True),
    Column("profile_id", Text, nullable=False),
)

runs = Table(
    "trigger_runs",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    Column("trigger", Text, nullable=False),
    Column("profile_id", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    # waiting → done | cancelled | suppressed
    Column("state", String(16), nullable=False),
    Column("reason", String(40)),
    Column("place", Integer, nullable=False),
    Column("version", String(12), nullable=False),
    Column("due_at", Float, nullable=False),
    # Grows with every change, so that whoever looked at it before knows that it has changed.
    Column("rev", Integer, nullable=False, default=0),
    Column("owner", String(64)),
    Column("lease_until", Float),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("mails", Integer, nullable=False, default=0),
    # What began it. JSON.
    Column("event", LargeBinary, nullable=False),
    # The decisions so far, oldest first. JSON.
    Column("trace", LargeBinary, nullable=False),
    # The profile first: so that it also finds what runs a profile has had.
    UniqueConstraint("profile_id", "trigger", "occasion"),
    # Only of what waits, however many are over.
    Index("trigger_runs_due", "due_at", **_WAITING),
    Index("trigger_runs_profile", "profile_id", **_WAITING),
)

sends = Table(
    "trigger_sends",
    metadata,
    Column("message_id", String(64), primary_key=True),
    Column("trigger", Text, nullable=False),
    Column("profile_id", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index("trigger_sends_profile", "profile_id", "at"),
)

# What measuring needs of each mail, and of each that a holdout kept back (``skip_reason``): docs/measure.md.
records = Table(
    "trigger_records",
    metadata,
    Column("message_id", String(64), primary_key=True),
    Column("trigger", Text, nullable=False),
    Column("profile_id", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("skip_reason", String(32)),
    # Locale, variant, segments, blocks, recommendations and arms of the mail. JSON.
    Column("facts", LargeBinary, nullable=False),
    Index("trigger_records_profile", "profile_id"),
)

dead = Table(
    "trigger_dead",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    Column("received_at", Float, nullable=False),
    Column("source", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

meta = Table(
    "trigger_meta",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("value", Text, nullable=False),
)

# The catalogue as triggers last saw it, so that a price that fell, or an item that is back, is noticed once.
items = Table(
    "trigger_items",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("price", Float),
    Column("in_stock", Integer),
)

# The first items that were recommended to a profile when last looked at. JSON.
recommended = Table(
    "trigger_recommended",
    metadata,
    Column("profile_id", Text, primary_key=True),
    Column("items", LargeBinary, nullable=False),
)
