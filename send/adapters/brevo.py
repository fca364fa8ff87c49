"""Brevo, ``POST /v3/smtp/email``.

Limits from Brevo's API reference: 1,000 ``messageVersions`` a call, each with a body of its own, which
override bodies that the call must have at its top; header values in ASCII. ``headers.idempotencyKey`` (a
UUID, in the JSON) is remembered for 30 minutes. ``{{params.x}}`` and its kin are live in bodies.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from mailwright.errors import SendError
from mailwright.model.identity import fingerprint
from mailwright.model.message import Address, Message, Receipt
from send.adapter import MB, Call, Capabilities, Payload
from send.address import display_name, wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.http import HttpAdapter, accepted, checked_headers
from send.live import inert_html
from send.verify import check_basic, made_id, read_json, unix

_KINDS = {
    "request": Kind.QUEUED,
    "delivered": Kind.DELIVERED,
    "deferred": Kind.DEFERRED,
    "soft_bounce": Kind.BOUNCED,
    "hard_bounce": Kind.BOUNCED,
    "invalid_email": Kind.BOUNCED,
    "blocked": Kind.REJECTED,
    "error": Kind.FAILED,
    "opened": Kind.OPENED,
    "proxy_open": Kind.OPENED,
    "unique_proxy_open": Kind.OPENED,
    "unique_opened": Kind.OPENED,
    "click": Kind.CLICKED,
    "spam": Kind.COMPLAINED,
    "complaint": Kind.COMPLAINED,
    "unsubscribed": Kind.UNSUBSCRIBED,
}
_REASONS = {
    "soft_bounce": RejectReason.TIMED_OUT,
    "hard_bounce": RejectReason.BOUNCED,
    "invalid_email": RejectReason.INVALID,
    "blocked": RejectReason.BLOCKED,
}


class Brevo(HttpAdapter):
    name = "brevo"
    base_url = "https://api.brevo.com"
    credentials: ClassVar = {
        "api_key": "an API key (v3)",
        "webhook_password": "user:password, as they stand in the webhook's URL",
    }
    webhook_credentials = ("webhook_password",)
    capabilities = Capabilities(
        shape="A",
        max_messages=1000,
        max_bytes=20 * MB,
        key_life=timedelta(minutes=30),
        live_syntax=("{{", "{%"),
        webhooks="shared secret",
        gives_up="keys live for 30 minutes: an outage longer than that leaves its calls unknown",
    )

    def part(self, message: Message) -> bytes:
        headers = checked_headers(message)
        for name, value in headers.items():
            if not value.isascii() or len(value) >= 4096:
                raise SendError(f"header {name} is not ASCII, or longer than Brevo's 4096")
        mail: dict[str, Any] = {
            "sender": _mailbox(message.sender),
            "to": [_mailbox(message.to)],
            "subject": message.subject,
            "htmlContent": inert_html(message, self.capabilities.live_syntax, self.name),
            "textContent": message.text,
            "headers": {**headers, "X-Mailin-custom": f"mailwright_id:{message.message_id}"},
            "tags": [message.campaign],
        }
        if message.reply_to is not None:
            mail["replyTo"] = _mailbox(message.reply_to)
        return orjson.dumps(mail)

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        mails = [orjson.loads(part) for part in parts]
        ids = [mail["headers"]["X-Mailin-custom"] for mail in mails]
        key = {"idempotencyKey": str(uuid.UUID(fingerprint("brevo", ids)))}
        first = mails[0]
        if len(mails) == 1:
            return Payload("/v3/smtp/email", orjson.dumps({**first, "headers": {**first["headers"], **key}}))
        own = ("to", "subject", "htmlContent", "textContent", "headers", "replyTo")
        call = {
            "sender": first["sender"],
            "subject": first["subject"],
            "htmlContent": "<p></p>",
            "textContent": " ",
            "headers": key,
            "tags": first["tags"],
            "messageVersions": [{n: mail[n] for n in own if n in mail} for mail in mails],
        }
        return Payload("/v3/smtp/email", orjson.dumps(call))

    def headers(self, call: Call) -> dict[str, str]:
        return {"api-key": self.settings.secret("api_key"), "Accept": "application/json"}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        ids = body["messageIds"] if len(call.message_ids) > 1 else [body["messageId"]]
        return [accepted(m, i) for m, i in zip(call.message_ids, ids, strict=True)]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        check_basic(self.name, self.settings, request)
        rows = read_json(self.name, request)
        return [_event(row) for row in (rows if isinstance(rows, list) else [rows])]


def _mailbox(address: Address) -> dict[str, str]:
    box = {"email": wire_email(address.email)}
    name = display_name(address.name)
    return {**box, "name": name} if name else box


def _event(row: dict[str, Any]) -> Event:
    custom = str(row.get("X-Mailin-custom") or "")
    at = unix(row.get("ts_event") or row.get("ts_epoch") or row["date"])
    return Event(
        esp="brevo",
        event_id=made_id(row["event"], row.get("message-id"), row.get("email"), at, row.get("link", "")),
        kind=_KINDS.get(row["event"], Kind.UNKNOWN),
        at=at,
        message_id=custom.partition("mailwright_id:")[2] or None,
        esp_id=row.get("message-id"),
        address=row.get("email"),
        reason=_REASONS.get(row["event"]),
        detail=str(row.get("reason") or "")[:300],
        url=row.get("link"),
        machine=row["event"] in ("proxy_open", "unique_proxy_open"),
    )


ADAPTER = Brevo
