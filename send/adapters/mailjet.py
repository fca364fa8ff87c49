"""Mailjet, ``POST /v3.1/send``.

Limits from Mailjet's Send API v3.1 guide: 50 mails and 50 recipients a call. Each mail has a status of its
own, also under a 4xx answer when some of a call failed. ``CustomID`` correlates and does not deduplicate.
``TemplateLanguage`` is off unless asked for, so nothing is live in bodies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from mailwright.model.message import Address, Message, Receipt
from send.adapter import MB, Call, Capabilities, Payload
from send.address import display_name, wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.http import HttpAdapter, accepted, basic_auth, checked_headers, rejected
from send.verify import check_basic, made_id, read_json, unix

_KINDS = {
    # Mailjet says "sent" when the recipient's server has taken the mail.
    "sent": Kind.DELIVERED,
    "open": Kind.OPENED,
    "click": Kind.CLICKED,
    "bounce": Kind.BOUNCED,
    "blocked": Kind.REJECTED,
    "spam": Kind.COMPLAINED,
    "unsub": Kind.UNSUBSCRIBED,
}
_BLOCKS = {
    "preblocked": RejectReason.BOUNCED,
    "user unknown": RejectReason.INVALID,
    "invalid domain": RejectReason.INVALID,
    "spam preblocked": RejectReason.SPAM,
}


class Mailjet(HttpAdapter):
    name = "mailjet"
    base_url = "https://api.mailjet.com"
    credentials: ClassVar = {
        "api_key": "the API key",
        "secret_key": "the secret key",
        "webhook_password": "user:password, as they stand in the event callback's URL",
    }
    webhook_credentials = ("webhook_password",)
    capabilities = Capabilities(
        shape="A",
        max_messages=50,
        max_bytes=15 * MB,
        webhooks="shared secret",
        gives_up="no idempotency key; webhooks are not signed",
    )

    def part(self, message: Message) -> bytes:
        mail: dict[str, Any] = {
            "From": _mailbox(message.sender),
            "To": [_mailbox(message.to)],
            "Subject": message.subject,
            "HTMLPart": message.html.decode("ascii"),
            "TextPart": message.text,
            "Headers": checked_headers(message),
            "CustomID": message.message_id,
            "CustomCampaign": message.campaign,
        }
        if message.reply_to is not None:
            mail["ReplyTo"] = _mailbox(message.reply_to)
        return orjson.dumps(mail)

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        return Payload("/v3.1/send", b'{"Messages":[' + b",".join(parts) + b"]}")

    def headers(self, call: Call) -> dict[str, str]:
        return {
            "Authorization": basic_auth(self.settings.secret("api_key"), self.settings.secret("secret_key"))
        }

    def read(
        self, call: Call, status: int, headers: Mapping[str, str], content: bytes
    ) -> tuple[Receipt, ...]:
        if status in (400, 207) and b'"Messages"' in content:
            status = 200
        return super().read(call, status, headers, content)

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        return [_receipt(m, row) for m, row in zip(call.message_ids, body["Messages"], strict=True)]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        check_basic(self.name, self.settings, request)
        rows = read_json(self.name, request)
        return [_event(row) for row in (rows if isinstance(rows, list) else [rows])]


def _mailbox(address: Address) -> dict[str, str]:
    return {"Email": wire_email(address.email), "Name": display_name(address.name)}


def _receipt(message_id: str, row: dict[str, Any]) -> Receipt:
    if row["Status"] == "success":
        return accepted(message_id, str(row["To"][0]["MessageID"]))
    why = "; ".join(str(error.get("ErrorMessage")) for error in row.get("Errors", []))
    return rejected(message_id, why or "refused without a reason")


def _event(row: dict[str, Any]) -> Event:
    kind = _KINDS.get(row["event"], Kind.UNKNOWN)
    reason = None
    if kind is Kind.BOUNCED:
        reason = RejectReason.BOUNCED if row.get("hard_bounce") else RejectReason.TIMED_OUT
    elif kind is Kind.REJECTED:
        reason = _BLOCKS.get(str(row.get("error")), RejectReason.OTHER)
    return Event(
        esp="mailjet",
        event_id=made_id(row["event"], row.get("MessageID"), row["time"], row.get("url", "")),
        kind=kind,
        at=unix(row["time"]),
        message_id=row.get("CustomID") or None,
        esp_id=str(row.get("MessageID")),
        address=row.get("email"),
        reason=reason,
        detail=str(row.get("comment") or row.get("error") or "")[:300],
        url=row.get("url"),
    )


ADAPTER = Mailjet
