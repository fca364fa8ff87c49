"""Twilio SendGrid, ``POST /v3/mail/send``.

Limits from SendGrid's OpenAPI description of the mail send API: 1,000 personalizations and 1,000
recipients a request, an address once a request, 10,000 bytes of substitutions a personalization; the whole
request may have 30 MB. There is no idempotency key. Substitutions are the legacy ones (plain text
replacement, no delimiter of their own), which a request without a dynamic template still takes.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, ClassVar

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mailwright.model.message import Address, Message, Receipt
from send.adapter import MB, Call, Capabilities, Payload
from send.address import display_name, wire_email
from send.event import BadSignature, Event, Kind, RejectReason, WebhookRequest
from send.grouping import Syntax
from send.http import HttpAdapter, accepted, checked_headers

REPLAY_WINDOW_S = 24 * 3600
"""SendGrid repeats a webhook for up to 24 hours, with the timestamp of the first try."""

_KINDS = {
    "processed": Kind.QUEUED,
    "deferred": Kind.DEFERRED,
    "delivered": Kind.DELIVERED,
    "bounce": Kind.BOUNCED,
    "dropped": Kind.REJECTED,
    "open": Kind.OPENED,
    "click": Kind.CLICKED,
    "spamreport": Kind.COMPLAINED,
    "unsubscribe": Kind.UNSUBSCRIBED,
    "group_unsubscribe": Kind.UNSUBSCRIBED,
    "group_resubscribe": Kind.SUBSCRIBED,
}
_DROPS = {
    "Bounced Address": RejectReason.BOUNCED,
    "Invalid": RejectReason.INVALID,
    "Spam Reporting Address": RejectReason.SPAM,
    "Unsubscribed Address": RejectReason.UNSUBSCRIBED,
}


# The closing mark keeps a token from being the beginning of another.
_SYNTAX = Syntax("-mw~", "~-", in_turn=True)


class SendGrid(HttpAdapter):
    name = "sendgrid"
    base_url = "https://api.sendgrid.com"
    credentials: ClassVar = {
        "api_key": "an API key with the Mail Send permission",
        "webhook_key": "the Event Webhook's verification key",
    }
    webhook_credentials = ("webhook_key",)
    options: ClassVar = {"ip_pool": None, "sandbox": False}
    capabilities = Capabilities(
        shape="B",
        max_bytes=30 * MB,
        max_grouped=1000,
        max_values_bytes=10_000,
        syntax=_SYNTAX,
        webhooks="signed",
        gives_up="no idempotency key: a call without an answer stays unknown until a webhook tells",
    )

    def part(self, message: Message) -> bytes:
        return orjson.dumps(
            {
                "personalizations": [self._personalization(message)],
                **self._common(message, message.subject, message.html.decode("ascii"), message.text),
            }
        )

    def shared(self, message: Message) -> bytes:
        bodies = _SYNTAX.bodies(message)
        return orjson.dumps(self._common(message, bodies.subject, bodies.html, bodies.text))

    def member(self, message: Message) -> bytes:
        own = self._personalization(message)
        own["substitutions"] = {_SYNTAX.token(i): leaf for i, leaf in enumerate(message.leaves)}
        return orjson.dumps(own)

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        if shared is None:
            (content,) = parts
        else:
            content = b'{"personalizations":[' + b",".join(parts) + b"]," + shared[1:]
        return Payload("/v3/mail/send", content)

    def headers(self, call: Call) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.secret('api_key')}"}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        # 202 has no body; the id of each mail is learnt from the webhooks.
        return [accepted(message_id) for message_id in call.message_ids]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        self._verify(request)
        return [_event(row) for row in orjson.loads(request.body)]

    def _personalization(self, message: Message) -> dict[str, Any]:
        return {
            "to": [_mailbox(message.to)],
            "headers": checked_headers(message),
            "custom_args": {"mailwright_id": message.message_id},
        }

    def _common(self, message: Message, subject: str, html: str, text: str) -> dict[str, Any]:
        common: dict[str, Any] = {
            "from": _mailbox(message.sender),
            "subject": subject,
            "content": [{"type": "text/plain", "value": text}, {"type": "text/html", "value": html}],
            # Its own unsubscribe link and List-Unsubscribe would stand beside ours.
            "tracking_settings": {"subscription_tracking": {"enable": False}},
            "categories": [message.campaign[:255]],
        }
        if message.reply_to is not None:
            common["reply_to"] = _mailbox(message.reply_to)
        if self.settings.options["ip_pool"]:
            common["ip_pool_name"] = self.settings.options["ip_pool"]
        if self.settings.options["sandbox"]:
            common["mail_settings"] = {"sandbox_mode": {"enable": True}}
        return common

    def _verify(self, request: WebhookRequest) -> None:
        """ECDSA with SHA-256 over timestamp + raw body, the key as SendGrid shows it (base64 DER)."""
        stamp = request.headers.get("x-twilio-email-event-webhook-timestamp", "")
        signature = request.headers.get("x-twilio-email-event-webhook-signature", "")
        if not stamp.isdigit() or abs(request.now - int(stamp)) > REPLAY_WINDOW_S:
            raise BadSignature("sendgrid: the webhook's timestamp is missing or too old")
        try:
            key = serialization.load_der_public_key(base64.b64decode(self.settings.secret("webhook_key")))
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise BadSignature("sendgrid: the webhook key is not an elliptic curve key")
            signed = stamp.encode() + request.body
            key.verify(base64.b64decode(signature), signed, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError, KeyError) as error:
            raise BadSignature("sendgrid: the webhook's signature does not fit") from error


def _mailbox(address: Address) -> dict[str, str]:
    box = {"email": wire_email(address.email)}
    if name := display_name(address.name):
        # SendGrid splits an unquoted name at a comma or semicolon (django-anymail, issue 11).
        quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        box["name"] = quoted if any(c in name for c in ",;") else name
    return box


def _event(row: dict[str, Any]) -> Event:
    kind = _KINDS.get(row.get("event", ""), Kind.UNKNOWN)
    reason = None
    if kind is Kind.REJECTED:
        reason = _DROPS.get(str(row.get("reason")), RejectReason.OTHER)
    elif kind is Kind.BOUNCED:
        reason = RejectReason.BLOCKED if row.get("type") == "blocked" else RejectReason.BOUNCED
    return Event(
        esp="sendgrid",
        event_id=str(row["sg_event_id"]),
        kind=kind,
        at=float(row["timestamp"]),
        message_id=row.get("mailwright_id"),
        esp_id=row.get("sg_message_id"),
        address=row.get("email"),
        reason=reason,
        detail=str(row.get("reason") or row.get("response") or "")[:300],
        url=row.get("url"),
        machine=row.get("sg_machine_open") is True,
    )


ADAPTER = SendGrid
