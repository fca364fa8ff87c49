"""Plays Postmark's ``/email/batch`` and its webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import Ask, Desk, Hook, Play, Reply, Told, basic, mailbox, need, once, secret

PASSWORD = "hook:" + secret("postmark")
_STAMPS = {
    Kind.DELIVERED: ("Delivery", "DeliveredAt"),
    Kind.BOUNCED: ("Bounce", "BouncedAt"),
    Kind.COMPLAINED: ("SpamComplaint", "BouncedAt"),
    Kind.OPENED: ("Open", "ReceivedAt"),
    Kind.CLICKED: ("Click", "ReceivedAt"),
    Kind.UNSUBSCRIBED: ("SubscriptionChange", "ChangedAt"),
}
_KNOWN = {
    "From", "To", "Cc", "Bcc", "Subject", "Tag", "HtmlBody", "TextBody", "ReplyTo", "Headers", "TrackOpens",
    "TrackLinks", "Metadata", "Attachments", "MessageStream",
}  # fmt: skip


def _error(message: str, code: int = 300) -> dict[str, Any]:
    return {"ErrorCode": code, "Message": message}


def batch(ask: Ask, desk: Desk) -> Reply:
    need(bool(ask.headers.get("x-postmark-server-token")), 401, _error("no token", 10))
    need(len(ask.body) <= 50_000_000, 413, _error("too large"))
    rows = ask.json()
    need(isinstance(rows, list) and 1 <= len(rows) <= 500, 422, _error("1 to 500 mails", 410))
    results, mails = [], []
    for i, row in enumerate(rows):
        problem = "inactive recipient" if ask.partial and i % 3 == 1 else _problem(row)
        if problem:
            results.append(_error(problem, 406 if ask.partial else 300))
            continue
        mail = _mail(row, desk)
        mails.append(mail)
        results.append({"ErrorCode": 0, "Message": "OK", "MessageID": mail.esp_id, "To": row["To"]})
    return Reply(200, results, mails)


def _problem(row: dict[str, Any]) -> str:
    if set(row) - _KNOWN:
        return f"unknown fields {sorted(set(row) - _KNOWN)}"
    if len(row["HtmlBody"].encode()) > 5_000_000 or "{{{" in row["HtmlBody"]:
        return "body too large, or live syntax in it"
    try:
        mailbox(row["From"])
        mailbox(row["To"])
    except ValueError:
        return f"invalid 'To' address {row['To']!r}"
    for header in row.get("Headers", []):
        once(header["Value"], header["Name"], _error)
    once(row["Subject"], "Subject", _error)
    return ""


def _mail(row: dict[str, Any], desk: Desk) -> Mail:
    address, name = mailbox(row["To"])
    return Mail(
        esp="postmark",
        esp_id=desk.next_id("pm"),
        to=address,
        to_name=name,
        message_id=row.get("Metadata", {}).get("mailwright_id"),
        sender=mailbox(row["From"])[0],
        subject=row["Subject"],
        html=row["HtmlBody"],
        text=row["TextBody"],
        headers={h["Name"]: h["Value"] for h in row.get("Headers", [])},
    )


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    return [_hook(t) for t in told if t.kind in _STAMPS]


def _hook(t: Told) -> Hook:
    record, stamp = _STAMPS[t.kind]
    row: dict[str, Any] = {
        "RecordType": record,
        "MessageID": t.mail.esp_id,
        "Recipient": t.mail.to,
        stamp: datetime.fromtimestamp(t.at, UTC).isoformat(),
        "Metadata": {"mailwright_id": t.mail.message_id},
        "ID": t.event_id,
    }
    if record == "Bounce":
        row |= {"Type": "HardBounce", "Email": t.mail.to, "Description": "no such mailbox"}
    if record == "SubscriptionChange":
        row["SuppressSending"] = True
    return Hook({"Authorization": basic(PASSWORD)}, orjson.dumps(row))


PLAY = Play("postmark", (("POST", "/email/batch", batch),), hooks, {"webhook_password": PASSWORD})
