"""Plays SparkPost's transmissions: substitution, and the List-Unsubscribe that it drops."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Bad, Desk, Hook, Play, Reply, Told, basic, need, once, secret

PASSWORD = "hook:" + secret("sparkpost")
_NAMES = {
    Kind.QUEUED: "injection",
    Kind.DELIVERED: "delivery",
    Kind.DEFERRED: "delay",
    Kind.BOUNCED: "bounce",
    Kind.REJECTED: "policy_rejection",
    Kind.OPENED: "open",
    Kind.CLICKED: "click",
    Kind.COMPLAINED: "spam_complaint",
    Kind.UNSUBSCRIBED: "list_unsubscribe",
}
_TAG = re.compile(r"\{\{\{\s*(\w+)\s*\}\}\}|\{\{\s*(\w+)\s*\}\}")


def _error(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "code": "1300"}]}


def send(ask: Ask, desk: Desk) -> Reply:
    need(bool(ask.headers.get("authorization")), 401, _error("Unauthorized."))
    body = ask.json()
    content, options = body["content"], body.get("options", {})
    need(len(orjson.dumps(content)) <= 20_000_000, 422, _error("content over 20 MB"))
    need(not body.get("substitution_data") or len(orjson.dumps(body["substitution_data"])) <= 100_000, 422,
         _error("substitution_data over 100 KB"))  # fmt: skip
    people = body["recipients"]
    rejected = [i for i in range(len(people)) if ask.partial and i % 3 == 1]
    esp_id = str(desk.next_id("sp"))
    mails = [
        _mail(content, options.get("perform_substitutions", True), person, esp_id)
        for i, person in enumerate(people)
        if i not in rejected
    ]
    counts = {"total_rejected_recipients": len(rejected), "total_accepted_recipients": len(mails)}
    return Reply(200, {"results": {**counts, "id": esp_id}}, mails)


def _mail(content: dict[str, Any], substitute: bool, person: dict[str, Any], esp_id: str) -> Mail:
    box, data = person["address"], person.get("substitution_data", {})
    need(bool(ADDRESS.fullmatch(box["email"])), 422, _error(f"address {box['email']!r}"))
    headers = {n: _merge(v, data, False) for n, v in content.get("headers", {}).items()}
    for header, value in headers.items():
        once(value, header, _error)
    body = content["html"] if not substitute else _merge(content["html"], data, True)
    text = content["text"] if not substitute else _merge(content["text"], data, False)
    return Mail(
        esp="sparkpost",
        esp_id=esp_id,
        to=box["email"],
        to_name=box.get("name", ""),
        message_id=person.get("metadata", {}).get("mailwright_id"),
        sender=content["from"]["email"],
        subject=once(_merge(content["subject"], data, False), "subject", _error),
        html=body,
        text=text,
        headers={n: v for n, v in headers.items() if n.lower() != "list-unsubscribe"},
    )


def _merge(text: str, data: dict[str, str], escape: bool) -> str:
    def value(match: re.Match[str]) -> str:
        found = str(data.get(match[1] or match[2], ""))
        return html.escape(found) if escape and match[2] else found

    merged = _TAG.sub(value, text)
    if "{{" in _TAG.sub("", text):
        raise Bad(422, _error("substitution language syntax error"))
    return merged


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    rows = [
        {
            "msys": {
                "message_event": {
                    "type": _NAMES[t.kind],
                    "event_id": t.event_id,
                    "timestamp": str(int(t.at)),
                    "transmission_id": t.mail.esp_id,
                    "rcpt_to": t.mail.to,
                    "rcpt_meta": {"mailwright_id": t.mail.message_id},
                    "bounce_class": "10",
                }
            }
        }
        for t in told
        if t.kind in _NAMES
    ]
    return [Hook({"Authorization": basic(PASSWORD)}, orjson.dumps(rows))]


PLAY = Play("sparkpost", (("POST", "/api/v1/transmissions", send),), hooks, {"webhook_password": PASSWORD})
