"""Postmark, ``POST /email/batch``.

Limits from Postmark's developer documentation: 500 mails and 50 MB a batch, 10 MB a mail (5 MB each body).
The batch is answered 200 with an ``ErrorCode`` for each mail. Broadcast streams write List-Unsubscribe
themselves. There is no idempotency key. ``{{{ pm:unsubscribe }}}`` is live in bodies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import orjson

from mailwright.errors import SendError
from mailwright.model.message import Message, Receipt
from send.adapter import MB, Call, Capabilities, Payload
from send.address import header_value
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.http import HttpAdapter, accepted, checked_headers, rejected
from send.live import inert_html
from send.verify import check_basic, made_id, read_json, unix

_KINDS = {
    "Delivery": (Kind.DELIVERED, "DeliveredAt"),
    "Bounce": (Kind.BOUNCED, "BouncedAt"),
    "SpamComplaint": (Kind.COMPLAINED, "BouncedAt"),
    "Open": (Kind.OPENED, "ReceivedAt"),
    "Click": (Kind.CLICKED, "ReceivedAt"),
    "SubscriptionChange": (Kind.UNSUBSCRIBED, "ChangedAt"),
}
_BOUNCES = {
    "HardBounce": (Kind.BOUNCED, RejectReason.BOUNCED),
    "BadEmailAddress": (Kind.BOUNCED, RejectReason.INVALID),
    "ManuallyDeactivated": (Kind.REJECTED, RejectReason.BLOCKED),
    "Blocked": (Kind.BOUNCED, RejectReason.BLOCKED),
    "SoftBounce": (Kind.BOUNCED, RejectReason.TIMED_OUT),
    "Transient": (Kind.DEFERRED, None),
    "DnsError": (Kind.BOUNCED, RejectReason.TIMED_OUT),
    "SpamNotification": (Kind.BOUNCED, RejectReason.BLOCKED),
    "SpamComplaint": (Kind.COMPLAINED, RejectReason.SPAM),
    "AutoResponder": (Kind.AUTORESPONDED, None),
    "Unsubscribe": (Kind.UNSUBSCRIBED, RejectReason.UNSUBSCRIBED),
    "Subscribe": (Kind.SUBSCRIBED, None),
}


class Postmark(HttpAdapter):
    name = "postmark"
    base_url = "https://api.postmarkapp.com"
    credentials: ClassVar = {
        "server_token": "the server's API token",
        "webhook_password": "user:password, as they stand in the webhook's URL",
    }
    webhook_credentials = ("webhook_password",)
    options: ClassVar = {"message_stream": "broadcast"}
    capabilities = Capabilities(
        shape="A",
        max_messages=500,
        max_bytes=50 * MB,
        max_message_bytes=10 * MB,
        list_unsubscribe=False,
        live_syntax=("{{{",),
        webhooks="shared secret",
        gives_up="broadcast streams write their own List-Unsubscribe; webhooks are not signed",
    )

    def part(self, message: Message) -> bytes:
        for size in (len(message.html), len(message.text.encode())):
            if size > 5 * MB:
                raise SendError(f"a body of {size} bytes is more than Postmark's 5 MB")
        mail: dict[str, Any] = {
            "From": header_value(message.sender),
            "To": header_value(message.to),
            "Subject": message.subject,
            "HtmlBody": inert_html(message, self.capabilities.live_syntax, self.name),
            "TextBody": message.text,
            "MessageStream": self.settings.options["message_stream"],
            "Tag": message.campaign[:1000],
            "Headers": [{"Name": n, "Value": v} for n, v in checked_headers(message).items()],
            "Metadata": {"mailwright_id": message.message_id},
        }
        if message.reply_to is not None:
            mail["ReplyTo"] = header_value(message.reply_to)
        return orjson.dumps(mail)

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        return Payload("/email/batch", b"[" + b",".join(parts) + b"]")

    def headers(self, call: Call) -> dict[str, str]:
        return {
            "X-Postmark-Server-Token": self.settings.secret("server_token"),
            "Accept": "application/json",
        }

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        return [
            accepted(m, row["MessageID"])
            if row["ErrorCode"] == 0
            else rejected(m, f"{row['ErrorCode']}: {row.get('Message')}")
            for m, row in zip(call.message_ids, body, strict=True)
        ]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        check_basic(self.name, self.settings, request)
        return [_event(read_json(self.name, request))]


def _event(row: dict[str, Any]) -> Event:
    record = row["RecordType"]
    kind, stamp = _KINDS.get(record, (Kind.UNKNOWN, ""))
    reason = RejectReason.SPAM if kind is Kind.COMPLAINED else None
    if record == "Bounce":
        kind, reason = _BOUNCES.get(row["Type"], (Kind.BOUNCED, RejectReason.OTHER))
    if record == "SubscriptionChange" and not row.get("SuppressSending"):
        kind = Kind.SUBSCRIBED
    at = str(row.get(stamp) or "1970-01-01T00:00:00Z")
    return Event(
        esp="postmark",
        event_id=made_id(record, row["MessageID"], row.get("ID", ""), at, row.get("OriginalLink", "")),
        kind=kind,
        at=unix(at),
        message_id=(row.get("Metadata") or {}).get("mailwright_id"),
        esp_id=row["MessageID"],
        address=row.get("Recipient") or row.get("Email"),
        reason=reason,
        detail=str(row.get("Description") or row.get("Details") or "")[:300],
        url=row.get("OriginalLink"),
    )


ADAPTER = Postmark
