"""Plays Klaviyo's events, one and in bulk, with ``unique_id`` deduplicating, and signs webhooks."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Desk, Hook, Play, Reply, Told, need, secret

SIGNING_KEY = secret("klaviyo")
_NAMES = {
    Kind.DELIVERED: "received_email",
    Kind.BOUNCED: "bounced_email",
    Kind.REJECTED: "dropped_email",
    Kind.OPENED: "opened_email",
    Kind.CLICKED: "clicked_email",
    Kind.COMPLAINED: "marked_email_as_spam",
    Kind.UNSUBSCRIBED: "unsubscribed_from_email_marketing",
}


def _error(message: str) -> dict[str, Any]:
    return {"errors": [{"code": "invalid", "detail": message}]}


def _headers(ask: Ask) -> None:
    need(ask.headers.get("authorization", "").startswith("Klaviyo-API-Key "), 401, _error("no key"))
    need(len(ask.headers.get("revision", "")) == 10, 400, _error("a revision is required"))


def one(ask: Ask, desk: Desk) -> Reply:
    _headers(ask)
    data = ask.json()["data"]
    need(data["type"] == "event", 400, _error("type"))
    return Reply(202, None, _flow(data["attributes"], data["attributes"]["profile"], desk))


def bulk(ask: Ask, desk: Desk) -> Reply:
    _headers(ask)
    need(len(ask.body) <= 5_000_000, 413, _error("over 5 MB"))
    rows = ask.json()["data"]["attributes"]["events-bulk-create"]["data"]
    events = [(row, event) for row in rows for event in row["attributes"]["events"]["data"]]
    need(1 <= len(events) <= 1000, 400, _error("1 to 1000 events"))
    mails = []
    for row, event in events:
        mails += _flow(event["attributes"], row["attributes"]["profile"], desk)
    return Reply(202, None, mails)


def _flow(event: dict[str, Any], profile: dict[str, Any], desk: Desk) -> list[Mail]:
    """What the flow that prints ``{{ event.html|safe }}`` makes of the event."""
    properties, person = event["properties"], profile["data"]["attributes"]
    need(len(properties) <= 400, 400, _error("over 400 properties"))
    for name, value in properties.items():
        need(len(str(value).encode()) <= 102_400, 400, _error(f"{name} is over 100 KB"))
    need(bool(ADDRESS.fullmatch(person["email"])), 400, _error("email"))
    metric = event["metric"]["data"]["attributes"]["name"]
    unique = f"{person['email']} {metric} {event['unique_id']}"
    if unique in desk.remembered:
        return []
    desk.remembered[unique] = (b"", Reply(202))
    return [
        Mail(
            esp="klaviyo",
            esp_id=desk.next_id("kl"),
            to=person["email"],
            message_id=properties["mailwright_id"],
            subject=properties["subject"],
            html=properties["html"],
            text=properties["text"],
            data={"external_id": person.get("external_id")},
        )
    ]


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    return [_hook(t, now) for t in told if t.kind in _NAMES]


def _hook(t: Told, now: float) -> Hook:
    attributes = {
        "datetime": datetime.fromtimestamp(t.at, UTC).isoformat(),
        "event_properties": {"mailwright_id": t.mail.message_id, "Recipient Email Address": t.mail.to},
    }
    payload = {"data": {"type": "event", "id": t.event_id, "attributes": attributes}}
    body = orjson.dumps({"data": [{"topic": f"event:klaviyo.{_NAMES[t.kind]}", "payload": payload}]})
    stamp = datetime.fromtimestamp(now, UTC).isoformat()
    mac = hmac.digest(SIGNING_KEY.encode(), body + stamp.encode(), "sha256").hex()
    return Hook({"Klaviyo-Signature": mac, "Klaviyo-Timestamp": stamp}, body)


PLAY = Play(
    "klaviyo",
    (("POST", "/api/events", one), ("POST", "/api/event-bulk-create-jobs", bulk)),
    hooks,
    {"webhook_key": SIGNING_KEY},
)
