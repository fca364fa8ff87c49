"""Plays Customer.io's ``/v1/send/email`` and signs its reporting webhooks."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import Ask, Bad, Desk, Hook, Play, Reply, Told, mailbox, need, once, secret

SIGNING_KEY = secret("customerio")
_NAMES = {
    Kind.SENT: "sent",
    Kind.QUEUED: "sent",
    Kind.DELIVERED: "delivered",
    Kind.BOUNCED: "bounced",
    Kind.REJECTED: "dropped",
    Kind.DEFERRED: "deferred",
    Kind.OPENED: "opened",
    Kind.CLICKED: "clicked",
    Kind.COMPLAINED: "spammed",
    Kind.UNSUBSCRIBED: "unsubscribed",
}


def _error(message: str) -> dict[str, Any]:
    return {"meta": {"error": message}}


def send(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Bearer "), 401, _error("unauthorized"))
    body = ask.json()
    need(bool(body.get("identifiers")), 400, _error("identifiers are required"))
    need("{{" not in body["body"] and "{%" not in body["body"], 400, _error("Liquid would be live"))
    try:
        address, name = mailbox(body["to"])
    except ValueError as error:
        raise Bad(400, _error(f"to: {error}")) from error
    for header, value in body.get("headers", {}).items():
        once(value, header, _error)
    mail = Mail(
        esp="customerio",
        esp_id=desk.next_id("cio"),
        to=address,
        to_name=name,
        message_id=body.get("message_data", {}).get("mailwright_id"),
        sender=mailbox(body["from"])[0],
        subject=once(body["subject"], "subject", _error),
        html=body["body"],
        text=body["plaintext_body"],
        headers=body.get("headers", {}),
    )
    return Reply(200, {"delivery_id": mail.esp_id, "queued_at": 0}, [mail])


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    return [_hook(t, now) for t in told if t.kind in _NAMES]


def _hook(t: Told, now: float) -> Hook:
    body = orjson.dumps(
        {
            "event_id": t.event_id,
            "object_type": "email",
            "metric": _NAMES[t.kind],
            "timestamp": int(t.at),
            "data": {"delivery_id": t.mail.esp_id, "recipient": t.mail.to},
        }
    )
    stamp = str(int(now))
    mac = hmac.digest(SIGNING_KEY.encode(), f"v0:{stamp}:".encode() + body, "sha256").hex()
    return Hook({"X-CIO-Timestamp": stamp, "X-CIO-Signature": mac}, body)


PLAY = Play("customerio", (("POST", "/v1/send/email", send),), hooks, {"webhook_key": SIGNING_KEY})
