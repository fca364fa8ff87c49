"""What triggers have written down, as tables: mails, those that a holdout kept back, the live events."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import sqlalchemy as sa

from audience import arrow_schema
from mailwright.model.message import SkipReason, Status
from mailwright.model.schema import Schema
from measure.record import list_asked
from measure.schema import MESSAGES
from send.outbox.database import Database
from triggers.schema import events, records
from triggers.stored import instant, unpack


def recorded_messages(db: Database, status: Mapping[str, str], held_out: Collection[str] = ()) -> pa.Table:
    """Every mail of a trigger in the shape of ``measure.schema.MESSAGES``; empty where none ever sent.

    ``status`` is what the outbox knows by now, by message; ``held_out`` are the messages that a holdout kept
    back at the moment of sending.
    """
    with db.read() as connection:
        if not sa.inspect(connection).has_table(records.name):
            return MESSAGES.empty_table()
        rows = connection.execute(sa.select(records).order_by(records.c.message_id)).all()
    return pa.Table.from_pylist([_message(row, status, held_out) for row in rows], MESSAGES)


def count_recorded(db: Database) -> int:
    """How many mails of triggers, sent or held back, are written down."""
    with db.read() as connection:
        if not sa.inspect(connection).has_table(records.name):
            return 0
        found: int = connection.execute(sa.select(sa.func.count()).select_from(records)).scalar_one()
    return found


def recorded_events(db: Database, schema: Schema) -> pa.Table:
    """The events that came in live, as interactions with the fields of ``schema``; sorted by profile and
    instant."""
    kind = arrow_schema(schema)
    with db.read() as connection:
        if not sa.inspect(connection).has_table(events.name):
            return kind.empty_table()
        found = sa.select(events).order_by(events.c.profile_id, events.c.at, events.c.n)
        rows = [
            {
                **unpack(row.fields, schema),
                "profile_id": row.profile_id,
                "event": row.event,
                "at": instant(row.at),
            }
            for row in connection.execute(found)
        ]
    return pa.Table.from_pylist([{name: row.get(name) for name in kind.names} for row in rows], kind)


def _message(row: sa.Row[Any], status: Mapping[str, str], kept_back: Collection[str]) -> dict[str, Any]:
    facts = orjson.loads(row.facts)
    held_out = row.skip_reason == SkipReason.HOLDOUT or row.message_id in kept_back
    if held_out:
        facts = {name: facts[name] for name in ("locale", "segments") if name in facts}
    told = status.get(row.message_id, Status.PENDING)
    return {
        "message_id": row.message_id,
        "profile_id": row.profile_id,
        "campaign": row.campaign,
        "occasion": row.occasion,
        "trigger": row.trigger,
        "at": datetime.fromtimestamp(row.at, UTC),
        "status": str(Status.SKIPPED) if held_out else str(told),
        "skip_reason": str(SkipReason.HOLDOUT) if held_out else row.skip_reason,
        "locale": facts.get("locale"),
        "variant": facts.get("variant"),
        "segments": facts.get("segments", []),
        "blocks": _pairs(facts.get("blocks", {}).items(), "slot", "block"),
        "recommendations": _pairs(facts.get("recommendations", ()), "item_id", "source"),
        "asked": list_asked(facts.get("asked", {})),
        "arms": facts.get("arms", []),
        "simulated": False,
    }


def _pairs(pairs: Iterable[Any], one: str, other: str) -> list[dict[str, Any]]:
    return [{one: first, other: second} for first, second in pairs if second is not None]
