"""Plays Mailchimp Transactional's ``messages/send``, merge tags included, and signs its webhooks."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Desk, Hook, Play, Reply, Told, need, once, secret

WEBHOOK_KEY = secret("mandrill")
_NAMES = {
    Kind.SENT: "send",
    Kind.QUEUED: "send",
    Kind.DELIVERED: "delivered",
    Kind.DEFERRED: "deferral",
    Kind.BOUNCED: "hard_bounce",
    Kind.REJECTED: "reject",
    Kind.OPENED: "open",
    Kind.CLICKED: "click",
    Kind.COMPLAINED: "spam",
    Kind.UNSUBSCRIBED: "unsub",
}
_TAG = re.compile(r"\*\|([A-Za-z0-9_]+)\|\*")


def _error(message: str, name: str = "ValidationError") -> dict[str, Any]:
    return {"status": "error", "code": -2, "name": name, "message": message}


def send(ask: Ask, desk: Desk) -> Reply:
    body = ask.json()
    need(bool(body.get("key")), 500, _error("Invalid API key", "Invalid_Key"))
    message = body["message"]
    once(message["subject"], "subject", _error)
    # Either list forces merging on, whatever "merge" says.
    merging = bool(message.get("merge") or message.get("merge_vars") or message.get("global_merge_vars"))
    values = {
        row["rcpt"]: {v["name"].upper(): v["content"] for v in row["vars"]}
        for row in message.get("merge_vars", [])
    }
    metadata = {row["rcpt"]: row["values"] for row in message.get("recipient_metadata", [])}
    need(not message.get("preserve_recipients"), 500, _error("everyone would see every address"))
    results, mails = [], []
    for i, box in enumerate(message["to"]):
        row = {"email": box["email"], "_id": desk.next_id("md"), "reject_reason": None}
        if not ADDRESS.fullmatch(box["email"]):
            results.append({**row, "status": "invalid"})
        elif ask.partial and i % 3 == 1:
            results.append({**row, "status": "rejected", "reject_reason": "hard-bounce"})
        else:
            own = values.get(box["email"], {})
            mails.append(_mail(message, box, own, metadata.get(box["email"], {}), row["_id"], merging))
            results.append({**row, "status": "sent"})
    return Reply(200, results, mails)


def _mail(
    message: dict[str, Any], box: dict[str, str], own: dict[str, str], metadata: dict[str, str], esp_id: str,
    merging: bool,
) -> Mail:  # fmt: skip
    def merge(text: str) -> str:
        return _TAG.sub(lambda m: own.get(m[1].upper(), ""), text) if merging else text

    return Mail(
        esp="mandrill",
        esp_id=esp_id,
        to=box["email"],
        to_name=box.get("name", ""),
        message_id={**message.get("metadata", {}), **metadata}.get("mailwright_id"),
        sender=message["from_email"],
        subject=merge(message["subject"]),
        html=merge(message["html"]),
        text=merge(message["text"]),
        headers=message.get("headers", {}),
    )


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    rows = [
        {
            "event": _NAMES[t.kind],
            "_id": t.mail.esp_id,
            "ts": int(t.at),
            "msg": {"email": t.mail.to, "metadata": {"mailwright_id": t.mail.message_id}},
        }
        for t in told
        if t.kind in _NAMES
    ]
    events = orjson.dumps(rows).decode()
    mac = hmac.digest(WEBHOOK_KEY.encode(), f"{url}mandrill_events{events}".encode(), "sha1")
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Mandrill-Signature": base64.b64encode(mac).decode(),
    }
    return [Hook(headers, urlencode({"mandrill_events": events}).encode())]


PLAY = Play("mandrill", (("POST", r"/api/1\.4/messages/send", send),), hooks, {"webhook_key": WEBHOOK_KEY})
