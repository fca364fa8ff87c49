"""Plays SendGrid's ``POST /v3/mail/send`` and signs its Event Webhook."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import ADDRESS, Ask, Desk, Hook, Play, Reply, Told, need, once

_NAMES = {
    Kind.QUEUED: "processed",
    Kind.DEFERRED: "deferred",
    Kind.DELIVERED: "delivered",
    Kind.BOUNCED: "bounce",
    Kind.REJECTED: "dropped",
    Kind.OPENED: "open",
    Kind.CLICKED: "click",
    Kind.COMPLAINED: "spamreport",
    Kind.UNSUBSCRIBED: "unsubscribe",
}
_KNOWN = {
    "personalizations", "from", "reply_to", "subject", "content", "attachments", "template_id", "headers",
    "categories", "custom_args", "send_at", "batch_id", "asm", "ip_pool_name", "mail_settings",
    "tracking_settings",
}  # fmt: skip
_RESERVED = {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-transfer-encoding", "content-type",
             "to", "from", "subject", "reply-to", "cc", "bcc"}  # fmt: skip


def _error(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "field": None, "help": None}]}


def send(ask: Ask, desk: Desk) -> Reply:
    authorization = ask.headers.get("authorization", "")
    need(
        authorization.startswith("Bearer ") and len(authorization) > 7, 401, _error("authorization required")
    )
    need(ask.headers.get("content-type", "").startswith("application/json"), 415, _error("content type"))
    need(len(ask.body) <= 30_000_000, 413, _error("too large"))
    mail = ask.json()
    unknown = set(mail) - _KNOWN
    need(not unknown, 400, _error(f"unknown properties {sorted(unknown)}"))
    people = mail.get("personalizations")
    need(isinstance(people, list) and 1 <= len(people) <= 1000, 400, _error("1 to 1000 personalizations"))
    _address(mail["from"])
    once(mail.get("subject", ""), "subject", _error)
    need(bool(mail.get("subject")), 400, _error("a subject is required"))
    kinds = [c["type"] for c in mail["content"]]
    need(
        kinds in (["text/plain"], ["text/html"], ["text/plain", "text/html"]), 400, _error(f"content {kinds}")
    )
    need(all(c["value"] for c in mail["content"]), 400, _error("content may not be empty"))
    mails = [_deliver(mail, person, desk) for person in people]
    seen = [m.to.casefold() for m in mails]
    need(len(seen) <= 1000, 400, _error("more than 1000 recipients"))
    need(len(set(seen)) == len(seen), 400, _error("an address may come once in a request"))
    return Reply(202, None, mails, {"X-Message-Id": desk.next_id("sg-batch")})


def _address(box: dict[str, Any]) -> tuple[str, str]:
    need(
        set(box) <= {"email", "name"} and bool(ADDRESS.fullmatch(box["email"])), 400, _error(f"address {box}")
    )
    need(box["email"].isascii(), 400, _error("SMTPUTF8 is not supported"))
    name = box.get("name", "")
    quoted = name.startswith('"') and name.endswith('"') and len(name) > 1
    need(quoted or not any(c in name for c in ",;"), 400, _error(f"unquoted name {name!r}"))
    return box["email"], name[1:-1].replace('\\"', '"').replace("\\\\", "\\") if quoted else name


def _deliver(mail: dict[str, Any], person: dict[str, Any], desk: Desk) -> Mail:
    (box,) = person["to"]
    to, name = _address(box)
    values = person.get("substitutions", {})
    need(all(isinstance(v, str) for v in values.values()), 400, _error("substitutions must be strings"))
    need(sum(len(k.encode()) + len(v.encode()) for k, v in values.items()) <= 10_000, 400,
         _error("substitutions over 10000 bytes"))  # fmt: skip
    headers = {**mail.get("headers", {}), **person.get("headers", {})}
    for header, value in headers.items():
        need(header.isascii() and header.lower() not in _RESERVED, 400, _error(f"header {header}"))
        once(value, header, _error)
    bodies = {c["type"]: _merge(c["value"], values) for c in mail["content"]}
    return Mail(
        esp="sendgrid",
        esp_id=desk.next_id("sg"),
        to=to,
        to_name=name,
        message_id=person.get("custom_args", {}).get("mailwright_id"),
        sender=mail["from"]["email"],
        subject=_merge(mail["subject"], values),
        html=bodies.get("text/html", ""),
        text=bodies.get("text/plain", ""),
        headers={k: _merge(v, values) for k, v in headers.items()},
    )


def _merge(text: str, values: dict[str, str]) -> str:
    """SendGrid's legacy substitution: each key in turn, wherever it stands."""
    for key, value in values.items():
        text = text.replace(key, value)
    return text


@cache
def _private_key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(0x5EED, ec.SECP256R1())


def webhook_key() -> str:
    """The verification key that an adapter needs against this stub."""
    spki = (
        _private_key()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(spki).decode()


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    del url
    rows = []
    for t in told:
        row: dict[str, Any] = {
            "email": t.mail.to,
            "timestamp": int(t.at),
            "event": _NAMES[t.kind],
            "sg_event_id": t.event_id,
            "sg_message_id": t.mail.esp_id,
            "mailwright_id": t.mail.message_id,
        }
        if t.kind is Kind.BOUNCED:
            row |= {"type": "bounce", "reason": "550 no such mailbox"}
        if t.kind is Kind.CLICKED:
            row["url"] = "https://example.com/clicked"
        rows.append(row)
    return [signed(orjson.dumps(rows), now)]


def signed(body: bytes, now: float) -> Hook:
    """A webhook's body with the headers that the platform signs it with."""
    stamp = str(int(now))
    signature = _private_key().sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "Content-Type": "application/json",
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
    }
    return Hook(headers, body)


PLAY = Play("sendgrid", (("POST", "/v3/mail/send", send),), hooks, {"webhook_key": webhook_key()})
