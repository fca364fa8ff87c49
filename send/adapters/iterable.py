"""Iterable, ``POST /api/email/target``: a triggered campaign's template prints our HTML.

From Iterable's API documentation: one recipient a call; ``allowRepeatMarketingSends: false`` is the nearest
thing to a key and belongs to the campaign as a whole, so it does not make a repeat safe here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import orjson

from mailwright.model.message import Message, Receipt
from send.adapter import MB, REQUIRED, Call, Capabilities, Payload
from send.address import wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.http import HttpAdapter, accepted
from send.verify import check_basic, made_id, read_json, unix

_KINDS = {
    "emailSend": Kind.SENT,
    "emailDelivery": Kind.DELIVERED,
    "emailBounce": Kind.BOUNCED,
    "emailSendSkip": Kind.REJECTED,
    "emailOpen": Kind.OPENED,
    "emailClick": Kind.CLICKED,
    "emailComplaint": Kind.COMPLAINED,
    "emailUnSubscribe": Kind.UNSUBSCRIBED,
}


class Iterable(HttpAdapter):
    name = "iterable"
    base_url = "https://api.iterable.com"
    credentials: ClassVar = {
        "api_key": "a server-side API key",
        "webhook_password": "user:password of the webhook's Basic authentication",
    }
    webhook_credentials = ("webhook_password",)
    options: ClassVar = {"campaign_id": REQUIRED}
    capabilities = Capabilities(
        shape="C",
        max_bytes=4 * MB,
        headers=False,
        list_unsubscribe=False,
        webhooks="shared secret",
        gives_up="one mail a call, no key; the mail is made by a template on the platform",
    )

    def part(self, message: Message) -> bytes:
        fields = {
            "subject": message.subject,
            "preheader": message.preheader,
            "html": message.html.decode("ascii"),
            "text": message.text,
        }
        return orjson.dumps(
            {
                "campaignId": int(self.settings.options["campaign_id"]),
                "recipientEmail": wire_email(message.to.email),
                "dataFields": fields,
                "metadata": {"mailwright_id": message.message_id},
                # Our own outbox keeps a campaign to once; Iterable's rule would refuse a second occasion.
                "allowRepeatMarketingSends": True,
            }
        )

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        (content,) = parts
        return Payload("/api/email/target", content)

    def headers(self, call: Call) -> dict[str, str]:
        return {"Api-Key": self.settings.secret("api_key")}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        if body["code"] != "Success":
            raise ValueError(body["code"])
        return [accepted(call.message_ids[0])]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        check_basic(self.name, self.settings, request)
        return [_event(read_json(self.name, request))]


def _event(row: dict[str, Any]) -> Event:
    kind = _KINDS.get(row["eventName"], Kind.UNKNOWN)
    data = row.get("dataFields") or {}
    at = str(data.get("createdAt") or "1970-01-01 00:00:00 +00:00").replace(" +", "+")
    return Event(
        esp="iterable",
        event_id=made_id(row["eventName"], row.get("email"), data.get("messageId"), at, data.get("url", "")),
        kind=kind,
        at=unix(at),
        message_id=(data.get("metadata") or {}).get("mailwright_id"),
        esp_id=data.get("messageId"),
        address=row.get("email"),
        reason=RejectReason.BOUNCED if kind is Kind.BOUNCED else None,
        detail=str(data.get("bounceMessage") or data.get("reason") or "")[:300],
        url=data.get("url"),
    )


ADAPTER = Iterable
