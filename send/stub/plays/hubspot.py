"""Plays HubSpot's single send: ``sendId`` makes at most one mail; webhooks are signed by version 3."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Desk, Hook, Play, Reply, Told, mailbox, need, secret

CLIENT_SECRET = secret("hubspot")
_NAMES = {
    Kind.QUEUED: "PROCESSED",
    Kind.SENT: "SENT",
    Kind.DELIVERED: "DELIVERED",
    Kind.DEFERRED: "DEFERRED",
    Kind.BOUNCED: "BOUNCE",
    Kind.REJECTED: "DROPPED",
    Kind.OPENED: "OPEN",
    Kind.CLICKED: "CLICK",
    Kind.COMPLAINED: "SPAMREPORT",
    Kind.UNSUBSCRIBED: "STATUSCHANGE",
}


def _error(message: str) -> dict[str, Any]:
    return {"status": "error", "message": message}


def send(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Bearer "), 401, _error("no token"))
    body = ask.json()
    message, properties = body["message"], body["customProperties"]
    need(
        not set(body) - {"emailId", "message", "contactProperties", "customProperties"}, 400, _error("fields")
    )
    need(not set(message) - {"to", "from", "sendId", "replyTo", "cc", "bcc"}, 400, _error("message fields"))
    need(isinstance(body["emailId"], int), 400, _error("emailId"))
    need(not any(isinstance(v, list) for v in properties.values()), 400, _error("lists are not supported"))
    need(bool(ADDRESS.fullmatch(message["to"])), 400, _error("to"))
    status = {"statusId": message["sendId"], "status": "COMPLETE"}
    if message["sendId"] in desk.remembered:
        return Reply(200, {**status, "sendResult": "IDEMPOTENT_IGNORE"})
    desk.remembered[message["sendId"]] = (b"", Reply(200))
    mail = Mail(
        esp="hubspot",
        esp_id=desk.next_id("hs"),
        to=message["to"],
        message_id=message["sendId"],
        sender=mailbox(message["from"])[0],
        subject=properties["subject"],
        html=properties["html"],
    )
    return Reply(200, {**status, "sendResult": "SENT"}, [mail])


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    rows = [
        {
            "id": t.event_id,
            "type": _NAMES[t.kind],
            "created": int(t.at * 1000),
            "sendId": t.mail.message_id,
            "recipient": t.mail.to,
        }
        for t in told
        if t.kind in _NAMES
    ]
    body, stamp = orjson.dumps(rows), str(int(now * 1000))
    mac = hmac.digest(CLIENT_SECRET.encode(), b"POST" + url.encode() + body + stamp.encode(), "sha256")
    signature = base64.b64encode(mac).decode()
    return [Hook({"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}, body)]


PLAY = Play(
    "hubspot", (("POST", "/marketing/v4/email/single-send", send),), hooks, {"client_secret": CLIENT_SECRET}
)
