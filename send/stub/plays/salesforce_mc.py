"""Plays Marketing Cloud: tokens, ``messageKey`` unique, and the Event Notification Service."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Desk, Hook, Play, Reply, Told, need, secret

SIGNING_KEY = secret("salesforce_mc")
_NAMES = {
    Kind.QUEUED: "TransactionalSendEvents.EmailQueued",
    Kind.SENT: "TransactionalSendEvents.EmailSent",
    Kind.REJECTED: "TransactionalSendEvents.EmailNotSent",
    Kind.BOUNCED: "TransactionalSendEvents.EmailBounced",
    Kind.OPENED: "EngagementEvents.EmailOpen",
    Kind.CLICKED: "EngagementEvents.EmailClick",
    Kind.UNSUBSCRIBED: "EngagementEvents.EmailUnsubscribe",
}


def _error(message: str) -> dict[str, Any]:
    return {"message": message, "errorcode": 10000}


def token(ask: Ask, desk: Desk) -> Reply:
    grant = ask.json()
    need(grant["grant_type"] == "client_credentials" and bool(grant["client_id"]), 401, _error("grant"))
    return Reply(200, {"access_token": secret("token"), "token_type": "Bearer", "expires_in": 1079})


def send(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization") == f"Bearer {secret('token')}", 401, _error("Not Authorized"))
    body, key = ask.json(), ask.path.rpartition("/")[2]
    recipient = body["recipient"]
    need(0 < len(key) <= 100, 400, _error("messageKey"))
    need(key not in desk.remembered, 400, _error("Duplicate messageKey"))
    need(bool(ADDRESS.fullmatch(recipient["to"])) and bool(recipient["contactKey"]), 400, _error("recipient"))
    desk.remembered[key] = (b"", Reply(202))
    attributes = recipient["attributes"]
    for printed in ("subject", "html", "text"):
        need("%%" not in attributes[printed], 400, _error("AMPscript would be live"))
    mail = Mail(
        esp="salesforce_mc",
        esp_id=desk.next_id("sf"),
        to=recipient["to"],
        message_id=key,
        subject=attributes["subject"],
        html=attributes["html"],
        text=attributes["text"],
        data={"definitionKey": body["definitionKey"]},
    )
    return Reply(202, {"requestId": mail.esp_id, "errorcode": 0}, [mail])


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    rows = [
        {
            "eventCategoryType": _NAMES[t.kind],
            "timestampUTC": int(t.at * 1000),
            "compositeId": t.event_id,
            "info": {"messageKey": t.mail.message_id, "to": t.mail.to},
        }
        for t in told
        if t.kind in _NAMES
    ]
    if not rows:
        return []
    body = orjson.dumps(rows)
    mac = hmac.digest(SIGNING_KEY.encode(), body, "sha256")
    return [Hook({"x-sfmc-ens-signature": base64.b64encode(mac).decode()}, body)]


PLAY = Play(
    "salesforce_mc",
    (("POST", "/v2/token", token), ("POST", "/messaging/v1/email/messages/[^/]+", send)),
    hooks,
    {"webhook_key": SIGNING_KEY},
)
