"""Mailgun, ``POST /v3/{domain}/messages`` (multipart/form-data).

Limits from Mailgun's API reference: 1,000 recipients a call with ``recipient-variables``, without which
everyone would see every address; 16 KB of ``o:``, ``h:``, ``v:`` and ``t:`` fields together; 25 MB a mail.
420 says that the recipient limit is exceeded for now. There is no idempotency key. ``%recipient.…%`` is
live in bodies of a batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar

import orjson

from mailwright.errors import SendError
from mailwright.model.message import Message, Receipt
from send.adapter import MB, REQUIRED, Call, Capabilities, Payload
from send.address import header_value, wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.grouping import Bodies, Syntax
from send.http import HttpAdapter, accepted, basic_auth, checked_headers
from send.live import inert_html
from send.verify import check_age, check_mac, key_of, read_json

REPLAY_WINDOW_S = 24 * 3600
"""Mailgun repeats a webhook for eight hours; its signature does not cover the body, so the token, which it
does cover, deduplicates."""

_SYNTAX = Syntax("%recipient.", "%")
_KINDS = {
    "accepted": Kind.QUEUED,
    "delivered": Kind.DELIVERED,
    "rejected": Kind.REJECTED,
    "opened": Kind.OPENED,
    "clicked": Kind.CLICKED,
    "complained": Kind.COMPLAINED,
    "unsubscribed": Kind.UNSUBSCRIBED,
}
Fields = list[tuple[str, str]]


class Mailgun(HttpAdapter):
    name = "mailgun"
    base_url = "https://api.mailgun.net"
    credentials: ClassVar = {
        "api_key": "a sending key",
        "webhook_key": "the HTTP webhook signing key",
    }
    webhook_credentials = ("webhook_key",)
    options: ClassVar = {"domain": REQUIRED, "tracking": False}
    capabilities = Capabilities(
        shape="B",
        max_bytes=25 * MB,
        max_grouped=1000,
        max_values_bytes=16_000,
        syntax=_SYNTAX,
        live_syntax=("%recipient.", "%recipient_"),
        webhooks="signed",
        refused_statuses=frozenset({420, 429, 503}),
        gives_up="no idempotency key: a call without an answer stays unknown until a webhook tells",
    )

    def part(self, message: Message) -> bytes:
        html = inert_html(message, self.capabilities.live_syntax, self.name)
        fields = self._common(message, Bodies(message.subject, message.text, html))
        fields += [("to", header_value(message.to)), ("v:mailwright_id", message.message_id)]
        fields += [(f"h:{name}", value) for name, value in checked_headers(message).items()]
        _check_options(fields)
        return orjson.dumps(fields)

    def shared(self, message: Message) -> bytes:
        fields = self._common(message, _SYNTAX.bodies(message))
        fields.append(("v:mailwright_id", "%recipient.id%"))
        fields += [
            (f"h:{name}", f"%recipient.h{i}%") for i, name in enumerate(sorted(checked_headers(message)))
        ]
        _check_options(fields)
        return orjson.dumps(fields)

    def member(self, message: Message) -> bytes:
        headers = checked_headers(message)
        own = {f"h{i}": headers[name] for i, name in enumerate(sorted(headers))}
        values = {"id": message.message_id, **own, **_SYNTAX.values(message)}
        return orjson.dumps([header_value(message.to), wire_email(message.to.email), values])

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        if shared is None:
            fields = orjson.loads(parts[0])
        else:
            members = [orjson.loads(part) for part in parts]
            fields = orjson.loads(shared) + [("to", to) for to, _, _ in members]
            variables = {email: values for _, email, values in members}
            fields.append(("recipient-variables", orjson.dumps(variables).decode()))
        content, boundary = _multipart(fields)
        domain = self.settings.options["domain"]
        return Payload(f"/v3/{domain}/messages", content, f"multipart/form-data; boundary={boundary}")

    def headers(self, call: Call) -> dict[str, str]:
        return {"Authorization": basic_auth("api", self.settings.secret("api_key"))}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        # A batch has one id for all of its mails, which therefore names none of them.
        esp_id = body["id"] if len(call.message_ids) == 1 else str(body["id"]) and None
        return [accepted(message_id, esp_id) for message_id in call.message_ids]

    def webhook(self, request: WebhookRequest) -> list[Event]:
        """HMAC-SHA256 (hex) of timestamp + token, both in the body."""
        body = read_json(self.name, request)
        signature = body["signature"]
        check_age(self.name, signature["timestamp"], request.now, window_s=REPLAY_WINDOW_S)
        key = key_of(self.settings, "webhook_key", self.name).encode()
        check_mac(
            self.name, key, (signature["timestamp"] + signature["token"]).encode(), signature["signature"]
        )
        return [_event(body["event-data"], signature["token"])]

    def _common(self, message: Message, bodies: Bodies) -> Fields:
        tracking = "yes" if self.settings.options["tracking"] else "no"
        fields = [
            ("from", header_value(message.sender)),
            ("subject", bodies.subject),
            ("text", bodies.text),
            ("html", bodies.html),
            ("o:tracking", tracking),
            ("o:tag", message.campaign[:128]),
        ]
        if message.reply_to is not None:
            fields.append(("h:Reply-To", header_value(message.reply_to)))
        return fields


def _check_options(fields: Fields) -> None:
    size = sum(len(n.encode()) + len(v.encode()) for n, v in fields if n[:2] in ("o:", "h:", "v:", "t:"))
    if size > 16_384:
        raise SendError(f"{size} bytes of headers and options are more than Mailgun's 16 KB")


def _multipart(fields: Fields) -> tuple[bytes, str]:
    """The form (RFC 7578) and its boundary, which is made of the fields: same fields, same bytes."""
    boundary = "mw-" + hashlib.sha256(orjson.dumps(fields)).hexdigest()[:40]
    pieces = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    return ("".join(pieces) + f"--{boundary}--\r\n").encode(), boundary


def _event(row: dict[str, Any], token: str) -> Event:
    kind = _KINDS.get(row["event"], Kind.UNKNOWN)
    reason = None
    if row["event"] == "failed":
        # Mailgun says "failed" of both: temporary means that it will try again.
        kind = Kind.DEFERRED if row.get("severity") == "temporary" else Kind.BOUNCED
        reason = None if kind is Kind.DEFERRED else RejectReason.BOUNCED
        if row.get("reason") in ("suppress-complaint", "suppress-unsubscribe", "suppress-bounce"):
            kind, reason = Kind.REJECTED, RejectReason.BLOCKED
    status = row.get("delivery-status") or {}
    return Event(
        esp="mailgun",
        event_id=token,
        kind=kind,
        at=float(row["timestamp"]),
        message_id=(row.get("user-variables") or {}).get("mailwright_id"),
        esp_id=None,
        address=row.get("recipient"),
        reason=reason,
        detail=str(status.get("message") or status.get("description") or row.get("reason") or "")[:300],
        url=row.get("url"),
        machine=bool((row.get("client-info") or {}).get("bot")),
    )


ADAPTER = Mailgun
