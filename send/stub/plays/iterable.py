"""Plays Iterable's ``/api/email/target`` and its webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Desk, Hook, Play, Reply, Told, basic, need, secret

PASSWORD = "hook:" + secret("iterable")
_NAMES = {
    Kind.SENT: "emailSend",
    Kind.QUEUED: "emailSend",
    Kind.DELIVERED: "emailDelivery",
    Kind.BOUNCED: "emailBounce",
    Kind.REJECTED: "emailSendSkip",
    Kind.OPENED: "emailOpen",
    Kind.CLICKED: "emailClick",
    Kind.COMPLAINED: "emailComplaint",
    Kind.UNSUBSCRIBED: "emailUnSubscribe",
}


def _error(message: str) -> dict[str, Any]:
    return {"code": "BadParams", "msg": message}


def send(ask: Ask, desk: Desk) -> Reply:
    need(bool(ask.headers.get("api-key")), 401, _error("Invalid API key"))
    body = ask.json()
    need(isinstance(body["campaignId"], int), 400, _error("campaignId"))
    need(bool(ADDRESS.fullmatch(body["recipientEmail"])), 400, _error("recipientEmail"))
    fields = body["dataFields"]
    mail = Mail(
        esp="iterable",
        esp_id=desk.next_id("it"),
        to=body["recipientEmail"],
        message_id=body["metadata"]["mailwright_id"],
        subject=fields["subject"],
        html=fields["html"],
        text=fields["text"],
    )
    return Reply(200, {"code": "Success", "msg": "", "params": {}}, [mail])


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    return [
        Hook(
            {"Authorization": basic(PASSWORD)},
            orjson.dumps(
                {
                    "eventName": _NAMES[t.kind],
                    "email": t.mail.to,
                    "dataFields": {
                        "messageId": t.mail.esp_id,
                        "createdAt": datetime.fromtimestamp(t.at, UTC).strftime("%Y-%m-%d %H:%M:%S +00:00"),
                        "metadata": {"mailwright_id": t.mail.message_id},
                    },
                }
            ),
        )
        for t in told
        if t.kind in _NAMES
    ]


PLAY = Play("iterable", (("POST", "/api/email/target", send),), hooks, {"webhook_password": PASSWORD})
