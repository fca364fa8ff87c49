"""HubSpot, ``POST /marketing/v4/email/single-send``: a template on the platform prints our HTML.

From HubSpot's API reference: ``message.sendId`` makes at most one mail; ``customProperties`` hold no lists;
there is no field for headers; 100 to 190 requests in 10 s. Webhooks are version 3: reject after 5 minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from mailwright.model.message import Message, Receipt
from send.adapter import MB, REQUIRED, Call, Capabilities, Payload
from send.address import header_value, wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.http import HttpAdapter, accepted, rejected
from send.verify import check_age, check_mac, key_of, made_id, read_json, unix

_KINDS = {
    "PROCESSED": Kind.QUEUED,
    "SENT": Kind.SENT,
    "DELIVERED": Kind.DELIVERED,
    "DEFERRED": Kind.DEFERRED,
    "BOUNCE": Kind.BOUNCED,
    "DROPPED": Kind.REJECTED,
    "OPEN": Kind.OPENED,
    "CLICK": Kind.CLICKED,
    "SPAMREPORT": Kind.COMPLAINED,
    "STATUSCHANGE": Kind.UNSUBSCRIBED,
}


class HubSpot(HttpAdapter):
    name = "hubspot"
    base_url = "https://api.hubapi.com"
    credentials: ClassVar = {
        "access_token": "a private app's access token with transactional-email",
        "client_secret": "the app's client secret",
    }
    webhook_credentials = ("client_secret",)
    options: ClassVar = {"email_id": REQUIRED}
    capabilities = Capabilities(
        shape="C",
        max_bytes=3 * MB,
        key_life=timedelta(days=365),
        headers=False,
        list_unsubscribe=False,
        webhooks="signed",
        gives_up="one mail a call, no headers; the mail is made by a template on the platform",
    )

    def part(self, message: Message) -> bytes:
        mail: dict[str, Any] = {
            "to": wire_email(message.to.email),
            "from": header_value(message.sender),
            "sendId": message.message_id,
        }
        if message.reply_to is not None:
            mail["replyTo"] = [wire_email(message.reply_to.email)]
        properties = {
            "subject": message.subject,
            "preheader": message.preheader,
            "html": message.html.decode("ascii"),
        }
        call = {"emailId": int(self.settings.options["email_id"]), "message": mail}
        return orjson.dumps({**call, "customProperties": properties})

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        (content,) = parts
        return Payload("/marketing/v4/email/single-send", content)

    def headers(self, call: Call) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.secret('access_token')}"}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        (message_id,) = call.message_ids
        result = body.get("sendResult")
        if result not in (None, "SENT", "QUEUED", "IDEMPOTENT_IGNORE"):
            return [rejected(message_id, str(result))]
        return [accepted(message_id, body["statusId"])]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        """HMAC-SHA256 (base64) over method, address, body and timestamp (version 3)."""
        stamp = request.headers.get("x-hubspot-request-timestamp", "")
        check_age(self.name, stamp, request.now, window_s=300)
        key = key_of(self.settings, "client_secret", self.name).encode()
        signed = b"POST" + request.url.encode() + request.body + stamp.encode()
        check_mac(
            self.name, key, signed, request.headers.get("x-hubspot-signature-v3", ""), encoding="base64"
        )
        rows = read_json(self.name, request)
        return [_event(row) for row in (rows if isinstance(rows, list) else [rows])]


def _event(row: dict[str, Any]) -> Event:
    kind = _KINDS.get(row["type"], Kind.UNKNOWN)
    return Event(
        esp="hubspot",
        event_id=str(row.get("id") or made_id(row["type"], row.get("sendId"), row["created"])),
        kind=kind,
        at=unix(row["created"]),
        message_id=row.get("sendId"),
        address=row.get("recipient"),
        reason=RejectReason.BOUNCED if kind is Kind.BOUNCED else None,
        detail=str(row.get("response") or "")[:300],
        url=row.get("url"),
    )


ADAPTER = HubSpot
