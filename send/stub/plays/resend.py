"""Plays Resend: ``/emails``, ``/emails/batch`` and idempotency keys, and signs webhooks as Svix does."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import Ask, Bad, Desk, Hook, Play, Reply, Told, mailbox, need, once, secret

SIGNING_KEY = "whsec_" + base64.b64encode(secret("resend").encode()).decode()
_NAMES = {
    Kind.SENT: "email.sent",
    Kind.QUEUED: "email.sent",
    Kind.DELIVERED: "email.delivered",
    Kind.DEFERRED: "email.delivery_delayed",
    Kind.BOUNCED: "email.bounced",
    Kind.OPENED: "email.opened",
    Kind.CLICKED: "email.clicked",
    Kind.COMPLAINED: "email.complained",
    Kind.REJECTED: "email.failed",
}
_KNOWN = {"from", "to", "subject", "html", "text", "headers", "tags", "reply_to", "cc", "bcc", "scheduled_at"}


def _error(message: str, name: str = "validation_error") -> dict[str, Any]:
    return {"statusCode": 422, "name": name, "message": message}


def _keyed(ask: Ask, desk: Desk, play: Callable[[Any, Desk], Reply]) -> Reply:
    """24 hours of memory are for ever to a stub."""
    need(
        ask.headers.get("authorization", "").startswith("Bearer "),
        401,
        _error("missing key", "missing_api_key"),
    )
    key = ask.headers.get("idempotency-key", "")
    need(len(key) <= 256, 400, _error("key too long", "invalid_idempotency_key"))
    digest = hashlib.sha256(ask.path.encode() + ask.body).digest()
    if key and key in desk.remembered:
        before, reply = desk.remembered[key]
        need(before == digest, 409, _error("same key, other payload", "invalid_idempotent_request"))
        return Reply(reply.status, reply.body)
    reply = play(ask.json(), desk)
    if key:
        desk.remembered[key] = (digest, reply)
    return reply


def one(ask: Ask, desk: Desk) -> Reply:
    def play(body: Any, desk: Desk) -> Reply:
        mail = _deliver(body, desk)
        return Reply(200, {"id": mail.esp_id}, [mail])

    return _keyed(ask, desk, play)


def batch(ask: Ask, desk: Desk) -> Reply:
    def play(body: Any, desk: Desk) -> Reply:
        need(isinstance(body, list) and 1 <= len(body) <= 100, 422, _error("1 to 100 mails"))
        need(not ask.partial, 422, _error("one of the mails is refused"))
        mails = [_deliver(row, desk) for row in body]
        return Reply(200, {"data": [{"id": mail.esp_id} for mail in mails]}, mails)

    return _keyed(ask, desk, play)


def _deliver(row: dict[str, Any], desk: Desk) -> Mail:
    need(not set(row) - _KNOWN, 422, _error(f"unknown fields {sorted(set(row) - _KNOWN)}"))
    try:
        (to,) = row["to"]
        address, name = mailbox(to)
        sender, _ = mailbox(row["from"])
    except ValueError as error:
        raise Bad(422, _error(f"invalid address: {error}")) from error
    once(row["subject"], "subject", _error)
    tags = {tag["name"]: tag["value"] for tag in row.get("tags", [])}
    for text in (*tags, *tags.values()):
        need(len(text) <= 256 and text.replace("_", "").replace("-", "").isalnum(), 422, _error("tag"))
    for header, value in row.get("headers", {}).items():
        once(value, header, _error)
    return Mail(
        esp="resend",
        esp_id=desk.next_id("re"),
        to=address,
        to_name=name,
        message_id=tags.get("mailwright_id"),
        sender=sender,
        subject=row["subject"],
        html=row.get("html", ""),
        text=row.get("text", ""),
        headers=row.get("headers", {}),
    )


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    return [_hook(t, now) for t in told if t.kind in _NAMES]


def _hook(t: Told, now: float) -> Hook:
    data: dict[str, Any] = {
        "email_id": t.mail.esp_id,
        "to": [t.mail.to],
        "created_at": datetime.fromtimestamp(t.at, UTC).isoformat(),
        "tags": {"mailwright_id": t.mail.message_id},
    }
    if t.kind is Kind.BOUNCED:
        data["bounce"] = {"type": "Permanent", "message": "no such mailbox"}
    if t.kind is Kind.CLICKED:
        data["click"] = {"link": "https://example.com/clicked"}
    body = orjson.dumps({"type": _NAMES[t.kind], "created_at": data["created_at"], "data": data})
    stamp = str(int(now))
    key = base64.b64decode(SIGNING_KEY.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{t.event_id}.{stamp}.".encode() + body, "sha256")
    signature = "v1," + base64.b64encode(mac).decode()
    return Hook({"svix-id": t.event_id, "svix-timestamp": stamp, "svix-signature": signature}, body)


PLAY = Play(
    "resend",
    (("POST", "/emails", one), ("POST", "/emails/batch", batch)),
    hooks,
    {"webhook_key": SIGNING_KEY},
)
