"""Small worlds to measure: messages, webhooks and orders written as rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from measure import Attribution, Question, Results, measure_results
from measure.schema import MESSAGES, ORDERS, OUTCOMES

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = START + timedelta(days=30)


def hours(number: float) -> datetime:
    return START + timedelta(hours=number)


def mail(number: int | str, **changes: Any) -> dict[str, Any]:
    """A message that was accepted at START, to profile ``p<number>``."""
    return {
        "message_id": f"m{number}",
        "profile_id": f"p{number}",
        "campaign": "newsletter",
        "occasion": "march",
        "at": START,
        "status": "accepted",
        "segments": [],
        "blocks": [],
        "recommendations": [],
        "arms": [],
        "simulated": False,
        **changes,
    }


def held_out(number: int, **changes: Any) -> dict[str, Any]:
    return mail(number, status="skipped", skip_reason="holdout", **changes)


def event(number: int | str, kind: str, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    when = at or hours(1)
    return {
        "event_id": f"{kind}-{number}-{when.isoformat()}",
        "kind": kind,
        "at": when,
        "message_id": f"m{number}",
        **changes,
    }


def order(number: int | str, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "profile_id": f"p{number}",
        "event": "order_completed",
        "at": at or hours(2),
        "item_id": "hat",
        "quantity": 1,
        "amount": 10.0,
        **changes,
    }


def messages_table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=MESSAGES)


def question(
    mails: list[dict[str, Any]],
    events: list[dict[str, Any]] = (),
    orders: list[dict[str, Any]] = (),
    *,
    attribution: Attribution | None = None,
    campaign: str | None = "newsletter",
    now: datetime = NOW,
    items: pa.Table | None = None,
) -> Question:
    return Question(
        messages_table(mails),
        pa.Table.from_pylist(list(events), schema=OUTCOMES),
        pa.Table.from_pylist(list(orders), schema=ORDERS),
        now=now,
        campaign=campaign,
        items=items,
        attribution=attribution or Attribution(),
    )


def results(*tables: Any, experiments: Any = None, content: Any = None, **options: Any) -> Results:
    return measure_results(question(*tables, **options), experiments=experiments, content=content)


def figures(result: Results, dimension: str = "all") -> dict[Any, dict[str, Any]]:
    """Value → row, or (name, value) → row where the dimension has names; of "all" the single row."""
    rows = result.rows(dimension).to_pylist()
    if dimension == "all":
        return rows[0]
    return {(row["name"], row["value"]) if row["name"] else row["value"]: row for row in rows}
