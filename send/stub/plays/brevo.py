"""Plays Brevo's ``/v3/smtp/email``, ``messageVersions`` and ``idempotencyKey`` included."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Desk, Hook, Play, Reply, Told, basic, need, once, secret

PASSWORD = "hook:" + secret("brevo")
_NAMES = {
    Kind.QUEUED: "request",
    Kind.DELIVERED: "delivered",
    Kind.DEFERRED: "deferred",
    Kind.BOUNCED: "hard_bounce",
    Kind.REJECTED: "blocked",
    Kind.OPENED: "opened",
    Kind.CLICKED: "click",
    Kind.COMPLAINED: "spam",
    Kind.UNSUBSCRIBED: "unsubscribed",
}


def _error(message: str) -> dict[str, Any]:
    return {"code": "invalid_parameter", "message": message}


def send(ask: Ask, desk: Desk) -> Reply:
    need(bool(ask.headers.get("api-key")), 401, _error("no key"))
    body = ask.json()
    key = body.get("headers", {}).get("idempotencyKey", "")
    digest = hashlib.sha256(ask.body).digest()
    if key:
        uuid.UUID(key)
        if key in desk.remembered:
            need(desk.remembered[key][0] == digest, 400, _error("same key, other payload"))
            return Reply(201, desk.remembered[key][1].body)
    need(bool(body.get("htmlContent") or body.get("textContent")), 400, _error("a global body is required"))
    versions = body.get("messageVersions")
    if versions is None:
        mails = [_mail(body, body, desk)]
        reply = Reply(201, {"messageId": mails[0].esp_id}, mails)
    else:
        need(1 <= len(versions) <= 1000, 400, _error("1 to 1000 messageVersions"))
        mails = [_mail(body, version, desk) for version in versions]
        reply = Reply(201, {"messageIds": [mail.esp_id for mail in mails]}, mails)
    if key:
        desk.remembered[key] = (digest, reply)
    return reply


def _mail(body: dict[str, Any], own: dict[str, Any], desk: Desk) -> Mail:
    (box,) = own["to"]
    need(bool(ADDRESS.fullmatch(box["email"])), 400, _error(f"email {box['email']!r}"))
    subject = once(own.get("subject") or body["subject"], "subject", _error)
    html = own.get("htmlContent") or body["htmlContent"]
    need("{{" not in html and "{%" not in html, 400, _error("the template language would be live"))
    headers = own.get("headers", {})
    for header, value in headers.items():
        need(value.isascii() and len(value) < 4096, 400, _error(f"header {header}"))
        once(value, header, _error)
    custom = headers.get("X-Mailin-custom", "")
    return Mail(
        esp="brevo",
        esp_id=f"<{desk.next_id('brevo')}@smtp-relay.example>",
        to=box["email"],
        to_name=box.get("name", ""),
        message_id=custom.partition("mailwright_id:")[2] or None,
        sender=body["sender"]["email"],
        subject=subject,
        html=html,
        text=own.get("textContent") or body.get("textContent", ""),
        headers={k: v for k, v in headers.items() if k not in ("idempotencyKey", "X-Mailin-custom")},
    )


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    return [
        Hook(
            {"Authorization": basic(PASSWORD)},
            orjson.dumps(
                {
                    "event": _NAMES[t.kind],
                    "email": t.mail.to,
                    "ts_event": int(t.at),
                    "message-id": t.mail.esp_id,
                    "X-Mailin-custom": f"mailwright_id:{t.mail.message_id}",
                }
            ),
        )
        for t in told
        if t.kind in _NAMES
    ]


PLAY = Play("brevo", (("POST", "/v3/smtp/email", send),), hooks, {"webhook_password": PASSWORD})
