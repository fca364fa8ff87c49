"""Klaviyo, ``POST /api/events`` and ``/api/event-bulk-create-jobs``: an event whose flow prints our HTML.

From Klaviyo's API reference (revision below): ``unique_id`` deduplicates an event per profile and metric;
1,000 events and 5 MB a bulk job; a string of at most 100 KB, at most 400 properties. ``docs/sending.md``
has the template to paste into the flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from mailwright.errors import SendError
from mailwright.model.message import Message, Receipt
from send.adapter import MB, Call, Capabilities, Payload
from send.address import wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.http import HttpAdapter, accepted
from send.verify import check_age, check_mac, key_of, made_id, read_json, unix

REVISION = "2025-04-15"
_KINDS = {
    "received_email": Kind.DELIVERED,
    "bounced_email": Kind.BOUNCED,
    "dropped_email": Kind.REJECTED,
    "opened_email": Kind.OPENED,
    "clicked_email": Kind.CLICKED,
    "marked_email_as_spam": Kind.COMPLAINED,
    "unsubscribed_from_email_marketing": Kind.UNSUBSCRIBED,
}


class Klaviyo(HttpAdapter):
    name = "klaviyo"
    base_url = "https://a.klaviyo.com"
    credentials: ClassVar = {
        "api_key": "a private API key with events:write",
        "webhook_key": "the webhook's secret",
    }
    webhook_credentials = ("webhook_key",)
    options: ClassVar = {"metric": "Mailwright mail"}
    capabilities = Capabilities(
        shape="C",
        max_messages=1000,
        max_bytes=5 * MB,
        key_life=timedelta(days=365),
        headers=False,
        list_unsubscribe=False,
        correlates=False,
        webhooks="signed",
        gives_up="the mail is made by a flow on the platform; HTML of at most 100 KB",
    )

    def part(self, message: Message) -> bytes:
        for what, size in (("HTML", len(message.html)), ("text", len(message.text.encode()))):
            if size > 100_000:
                raise SendError(f"{size} bytes of {what} are more than Klaviyo's 100 KB a property")
        properties = {
            "subject": message.subject,
            "preheader": message.preheader,
            "html": message.html.decode("ascii"),
            "text": message.text,
            "campaign": message.campaign,
            "mailwright_id": message.message_id,
        }
        return orjson.dumps([wire_email(message.to.email), message.profile_id, properties])

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        rows = [orjson.loads(part) for part in parts]
        if len(rows) == 1:
            event = self._event(rows[0][2])
            event["attributes"]["profile"] = {"data": _profile(rows[0])}
            return Payload("/api/events", orjson.dumps({"data": event}))
        data = [
            {
                "type": "event-bulk-create",
                "attributes": {
                    "profile": {"data": _profile(row)},
                    "events": {"data": [self._event(row[2])]},
                },
            }
            for row in rows
        ]
        job = {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": data}}}
        return Payload("/api/event-bulk-create-jobs", orjson.dumps({"data": job}))

    def headers(self, call: Call) -> dict[str, str]:
        key = self.settings.secret("api_key")
        return {"Authorization": f"Klaviyo-API-Key {key}", "revision": REVISION}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        return [accepted(message_id) for message_id in call.message_ids]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        """HMAC-SHA256 (hex) over body + timestamp."""
        stamp = request.headers.get("klaviyo-timestamp", "")
        at = str(unix(stamp)) if stamp else ""
        check_age(self.name, at, request.now, window_s=300)
        key = key_of(self.settings, "webhook_key", self.name).encode()
        check_mac(self.name, key, request.body + stamp.encode(), request.headers.get("klaviyo-signature", ""))
        body = read_json(self.name, request)
        return [_event(row) for row in body.get("data", [])]

    def _event(self, properties: dict[str, Any]) -> dict[str, Any]:
        metric = {"data": {"type": "metric", "attributes": {"name": self.settings.options["metric"]}}}
        attributes = {
            "properties": properties,
            "metric": metric,
            "unique_id": properties["mailwright_id"],
        }
        return {"type": "event", "attributes": attributes}


def _profile(row: list[Any]) -> dict[str, Any]:
    return {"type": "profile", "attributes": {"email": row[0], "external_id": row[1]}}


def _event(row: dict[str, Any]) -> Event:
    topic = str(row["topic"]).rpartition(":")[2].rpartition(".")[2]
    payload = row["payload"]["data"]
    attributes = payload.get("attributes") or {}
    properties = attributes.get("event_properties") or {}
    kind = _KINDS.get(topic, Kind.UNKNOWN)
    return Event(
        esp="klaviyo",
        event_id=str(payload.get("id") or made_id(topic, properties, attributes.get("datetime"))),
        kind=kind,
        at=unix(attributes.get("datetime") or attributes.get("timestamp") or 0),
        message_id=properties.get("mailwright_id"),
        address=properties.get("Recipient Email Address"),
        reason=RejectReason.BOUNCED if kind is Kind.BOUNCED else None,
        url=properties.get("URL"),
    )


ADAPTER = Klaviyo
