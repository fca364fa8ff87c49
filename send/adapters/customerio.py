"""Customer.io, ``POST /v1/send/email`` (App API).

From Customer.io's API reference: one message a call, up to 15 recipients in it; 100 requests a second;
Liquid is evaluated in bodies. No idempotency key, and webhooks name a mail by the ``delivery_id`` that the
answer gave, so a call without an answer cannot be resolved by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import orjson

from mailwright.model.message import Message, Receipt
from send.adapter import MB, Call, Capabilities, Payload
from send.address import header_value, wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.http import HttpAdapter, accepted, checked_headers
from send.live import inert_html
from send.verify import check_age, check_mac, key_of, read_json

_KINDS = {
    "drafted": Kind.QUEUED,
    "attempted": Kind.DEFERRED,
    "sent": Kind.SENT,
    "delivered": Kind.DELIVERED,
    "bounced": Kind.BOUNCED,
    "dropped": Kind.REJECTED,
    "failed": Kind.FAILED,
    "deferred": Kind.DEFERRED,
    "opened": Kind.OPENED,
    "clicked": Kind.CLICKED,
    "spammed": Kind.COMPLAINED,
    "unsubscribed": Kind.UNSUBSCRIBED,
}


class CustomerIo(HttpAdapter):
    name = "customerio"
    base_url = "https://api.customer.io"
    credentials: ClassVar = {
        "app_key": "an App API key",
        "webhook_key": "the reporting webhook's signing key",
    }
    webhook_credentials = ("webhook_key",)
    capabilities = Capabilities(
        shape="B",
        max_bytes=2 * MB,
        live_syntax=("{{", "{%"),
        correlates=False,
        webhooks="signed",
        gives_up="no batches, no key, and webhooks cannot resolve a call without an answer",
    )

    def part(self, message: Message) -> bytes:
        mail: dict[str, Any] = {
            "to": header_value(message.to),
            "from": header_value(message.sender),
            "identifiers": {"id": message.profile_id},
            "subject": message.subject,
            "body": inert_html(message, self.capabilities.live_syntax, self.name),
            "plaintext_body": message.text,
            "headers": checked_headers(message),
            "message_data": {"mailwright_id": message.message_id},
            "tracked": False,
        }
        if message.reply_to is not None:
            mail["reply_to"] = wire_email(message.reply_to.email)
        return orjson.dumps(mail)

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        (content,) = parts
        return Payload("/v1/send/email", content)

    def headers(self, call: Call) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.secret('app_key')}"}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        return [accepted(call.message_ids[0], body["delivery_id"])]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        """HMAC-SHA256 (hex) over ``v0:timestamp:body``."""
        stamp = request.headers.get("x-cio-timestamp", "")
        check_age(self.name, stamp, request.now, window_s=300)
        key = key_of(self.settings, "webhook_key", self.name).encode()
        signed = f"v0:{stamp}:".encode() + request.body
        check_mac(self.name, key, signed, request.headers.get("x-cio-signature", ""))
        row = read_json(self.name, request)
        return [_event(row)] if row.get("object_type") == "email" else []


def _event(row: dict[str, Any]) -> Event:
    kind = _KINDS.get(row["metric"], Kind.UNKNOWN)
    data = row["data"]
    return Event(
        esp="customerio",
        event_id=row["event_id"],
        kind=kind,
        at=float(row["timestamp"]),
        esp_id=data.get("delivery_id"),
        address=data.get("recipient"),
        reason=RejectReason.BOUNCED if kind is Kind.BOUNCED else None,
        detail=str(data.get("failure_message") or "")[:300],
        url=data.get("href"),
    )


ADAPTER = CustomerIo
