"""Resend, ``POST /emails`` and ``POST /emails/batch``.

Limits from Resend's API reference: 100 mails a batch, no attachments in one; ``Idempotency-Key`` of up to
256 characters, remembered for 24 hours on both endpoints. A repeat with another payload is answered 409
``invalid_idempotent_request``, one while the first is still under way 409
``concurrent_idempotent_requests``. One bad mail fails its whole batch. 40 MB a mail.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from mailwright.model.message import Message, Receipt
from send.adapter import MB, Call, Capabilities, NoAnswer, Payload, TryLater
from send.address import header_value
from send.event import BadSignature, Event, Kind, RejectReason, WebhookRequest
from send.http import HttpAdapter, accepted, checked_headers
from send.verify import check_age, check_mac, key_of, made_id, read_json, unix

REPLAY_WINDOW_S = 300
"""Svix's own tolerance."""

_KINDS = {
    "email.sent": Kind.SENT,
    "email.scheduled": Kind.QUEUED,
    "email.delivered": Kind.DELIVERED,
    "email.delivery_delayed": Kind.DEFERRED,
    "email.bounced": Kind.BOUNCED,
    "email.failed": Kind.FAILED,
    "email.suppressed": Kind.REJECTED,
    "email.opened": Kind.OPENED,
    "email.clicked": Kind.CLICKED,
    "email.complained": Kind.COMPLAINED,
}


class Resend(HttpAdapter):
    name = "resend"
    base_url = "https://api.resend.com"
    credentials: ClassVar = {
        "api_key": "an API key with sending access",
        "webhook_key": "the webhook's signing secret (whsec_…)",
    }
    webhook_credentials = ("webhook_key",)
    capabilities = Capabilities(
        shape="A",
        max_messages=100,
        max_bytes=40 * MB,
        max_message_bytes=39 * MB,
        key_life=timedelta(hours=24),
        webhooks="signed",
        gives_up="one mail that it refuses fails its batch, whose mails then go one by one",
    )

    def part(self, message: Message) -> bytes:
        mail: dict[str, Any] = {
            "from": header_value(message.sender),
            "to": [header_value(message.to)],
            "subject": message.subject,
            "html": message.html.decode("ascii"),
            "text": message.text,
            "headers": checked_headers(message),
            "tags": [{"name": "mailwright_id", "value": message.message_id}],
        }
        if message.reply_to is not None:
            mail["reply_to"] = header_value(message.reply_to)
        return orjson.dumps(mail)

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        if len(parts) == 1:
            return Payload("/emails", parts[0])
        return Payload("/emails/batch", b"[" + b",".join(parts) + b"]")

    def headers(self, call: Call) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.settings.secret('api_key')}",
            "Idempotency-Key": call.key,
        }

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        ids = [body["id"]] if len(call.message_ids) == 1 else [row["id"] for row in body["data"]]
        return [accepted(m, i) for m, i in zip(call.message_ids, ids, strict=True)]

    def refuse(self, call: Call, status: int, headers: Mapping[str, str], body: Any, content: bytes) -> None:
        if status == 409 and isinstance(body, dict):
            said = self.complaint(body, content)
            if body.get("name") == "concurrent_idempotent_requests":
                raise TryLater(f"resend is still at work on this key: {said}")
            # The key is known with another payload: what became of that one is not for us to guess.
            raise NoAnswer(f"resend knows this key with another payload: {said}")
        super().refuse(call, status, headers, body, content)

    def webhook(self, request: WebhookRequest) -> list[Event]:
        """Svix: HMAC-SHA256 over ``id.timestamp.body``; the header may hold several, during a rotation."""
        key = key_of(self.settings, "webhook_key", self.name).removeprefix("whsec_")
        hook_id, stamp = (request.headers.get(f"svix-{name}", "") for name in ("id", "timestamp"))
        check_age(self.name, stamp, request.now, window_s=REPLAY_WINDOW_S)
        signed = f"{hook_id}.{stamp}.".encode() + request.body
        given = [s.removeprefix("v1,") for s in request.headers.get("svix-signature", "").split()]
        for i, signature in enumerate(given or [""]):
            try:
                check_mac(self.name, base64.b64decode(key), signed, signature, encoding="base64")
                break
            except BadSignature:
                if i >= len(given) - 1:
                    raise
        return [_event(read_json(self.name, request), hook_id)]


def _event(row: dict[str, Any], hook_id: str) -> Event:
    data = row["data"]
    tags = data.get("tags") or {}
    if isinstance(tags, list):
        tags = {tag["name"]: tag["value"] for tag in tags}
    kind = _KINDS.get(row["type"], Kind.UNKNOWN)
    bounce = data.get("bounce") or {}
    reason = None
    if kind is Kind.BOUNCED:
        # Resend's bounces are permanent unless they say otherwise.
        reason = RejectReason.BLOCKED if bounce.get("type") == "Transient" else RejectReason.BOUNCED
    return Event(
        esp="resend",
        event_id=hook_id or made_id(row["type"], data["email_id"], row["created_at"]),
        kind=kind,
        at=unix(row["created_at"]),
        message_id=tags.get("mailwright_id"),
        esp_id=data["email_id"],
        address=(data.get("to") or [None])[0],
        reason=reason,
        detail=str(bounce.get("message") or "")[:300],
        url=(data.get("click") or {}).get("link"),
    )


ADAPTER = Resend
