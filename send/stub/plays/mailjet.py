"""Plays Mailjet's ``/v3.1/send`` and its event callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Desk, Hook, Play, Reply, Told, basic, need, once, secret

PASSWORD = "hook:" + secret("mailjet")
_NAMES = {
    Kind.DELIVERED: "sent",
    Kind.OPENED: "open",
    Kind.CLICKED: "click",
    Kind.BOUNCED: "bounce",
    Kind.REJECTED: "blocked",
    Kind.COMPLAINED: "spam",
    Kind.UNSUBSCRIBED: "unsub",
}


def _error(message: str) -> dict[str, Any]:
    return {"ErrorMessage": message, "StatusCode": 400}


def send(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Basic "), 401, _error("no key"))
    rows = ask.json()["Messages"]
    need(1 <= len(rows) <= 50, 400, _error("1 to 50 messages"))
    results: list[dict[str, Any]] = []
    mails: list[Mail] = []
    for i, row in enumerate(rows):
        (box,) = row["To"]
        bad = not ADDRESS.fullmatch(box["Email"]) or (ask.partial and i % 3 == 1)
        if bad:
            results.append({"Status": "error", "Errors": [_error("invalid recipient")]})
            continue
        once(row["Subject"], "Subject", _error)
        need("TemplateLanguage" not in row, 400, _error("TemplateLanguage would be live"))
        mail = Mail(
            esp="mailjet",
            esp_id=desk.next_id().removeprefix("stub-"),
            to=box["Email"],
            to_name=box.get("Name", ""),
            message_id=row.get("CustomID"),
            sender=row["From"]["Email"],
            subject=row["Subject"],
            html=row["HTMLPart"],
            text=row["TextPart"],
            headers=row.get("Headers", {}),
        )
        mails.append(mail)
        to = [{"Email": mail.to, "MessageID": int(mail.esp_id)}]
        results.append({"Status": "success", "CustomID": mail.message_id, "To": to})
    failed = len(mails) < len(rows)
    return Reply(400 if failed else 200, {"Messages": results}, mails)


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    rows = [
        {
            "event": _NAMES[t.kind],
            "time": int(t.at),
            "MessageID": int(t.mail.esp_id),
            "CustomID": t.mail.message_id,
            "email": t.mail.to,
            "hard_bounce": t.kind is Kind.BOUNCED,
        }
        for t in told
        if t.kind in _NAMES
    ]
    return [Hook({"Authorization": basic(PASSWORD)}, orjson.dumps(rows))] if rows else []


PLAY = Play("mailjet", (("POST", r"/v3\.1/send", send),), hooks, {"webhook_password": PASSWORD})
