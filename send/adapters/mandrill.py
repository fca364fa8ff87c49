"""Mailchimp Transactional (Mandrill), ``POST /api/1.4/messages/send``.

From the API reference: the key travels in the body; ``merge: false`` leaves ``*|…|*`` alone, but any list
of variables forces merging on; a batch has no headers per recipient, so mails with a List-Unsubscribe of
their own go one by one. About 25 MB a call. Each recipient has a status; over quota it is ``queued`` with a
``queued_reason``. Errors come as 500 with ``{"status": "error", "name": …}``. No idempotency key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from mailwright.model.message import Message, Receipt
from send.adapter import MB, Call, Capabilities, Halted, Payload, Refused, TryLater
from send.address import canonical, display_name, wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.grouping import Bodies, Syntax
from send.http import HttpAdapter, accepted, checked_headers, rejected
from send.verify import check_mac, key_of, made_id, read_form

_SYNTAX = Syntax("*|", "|*", prefix="V")
_KINDS = {
    "send": Kind.SENT,
    "delivered": Kind.DELIVERED,
    "deferral": Kind.DEFERRED,
    "hard_bounce": Kind.BOUNCED,
    "soft_bounce": Kind.BOUNCED,
    "reject": Kind.REJECTED,
    "open": Kind.OPENED,
    "click": Kind.CLICKED,
    "spam": Kind.COMPLAINED,
    "unsub": Kind.UNSUBSCRIBED,
}
_REASONS = {
    "hard_bounce": RejectReason.BOUNCED,
    "soft_bounce": RejectReason.TIMED_OUT,
    "reject": RejectReason.BLOCKED,
}


class Mandrill(HttpAdapter):
    name = "mandrill"
    base_url = "https://mandrillapp.com"
    credentials: ClassVar = {
        "api_key": "an API key",
        "webhook_key": "the webhook's key",
    }
    webhook_credentials = ("webhook_key",)
    options: ClassVar = {"subaccount": None}
    capabilities = Capabilities(
        shape="B",
        max_bytes=25 * MB,
        max_grouped=1000,
        syntax=_SYNTAX,
        grouped_headers=False,
        webhooks="signed",
        gives_up="no headers per recipient in a batch: a mail with its own List-Unsubscribe goes alone",
    )

    def part(self, message: Message) -> bytes:
        mail = self._common(message, Bodies(message.subject, message.text, message.html.decode("ascii")))
        mail["to"] = [_mailbox(message)]
        mail["headers"].update(checked_headers(message))
        mail["metadata"] = {"mailwright_id": message.message_id}
        mail["merge"] = False
        return orjson.dumps({"message": mail})

    def shared(self, message: Message) -> bytes:
        mail = self._common(message, _SYNTAX.bodies(message))
        return orjson.dumps({**mail, "merge": True, "merge_language": "mailchimp"})

    def member(self, message: Message) -> bytes:
        values = [{"name": n, "content": v} for n, v in _SYNTAX.values(message).items()]
        return orjson.dumps([_mailbox(message), message.message_id, values])

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        if shared is None:
            return Payload("/api/1.4/messages/send", parts[0])
        members = [orjson.loads(part) for part in parts]
        mail = orjson.loads(shared)
        mail["to"] = [box for box, _, _ in members]
        mail["merge_vars"] = [{"rcpt": box["email"], "vars": values} for box, _, values in members]
        mail["recipient_metadata"] = [
            {"rcpt": box["email"], "values": {"mailwright_id": i}} for box, i, _ in members
        ]
        return Payload("/api/1.4/messages/send", orjson.dumps({"message": mail}))

    def headers(self, call: Call) -> dict[str, str]:
        return {}

    def content(self, call: Call) -> bytes:
        key = orjson.dumps(self.settings.secret("api_key"))
        return b'{"key":' + key + b"," + call.payload.content[1:]

    def refuse(self, call: Call, status: int, headers: Mapping[str, str], body: Any, content: bytes) -> None:
        name = body.get("name") if isinstance(body, dict) and body.get("status") == "error" else None
        said = f"mandrill answered {status}: {self.complaint(body, content)}"
        if name in ("Invalid_Key", "PaymentRequired", "Unknown_Subaccount"):
            raise Halted(said)
        if name in ("ValidationError",):
            raise Refused(said)
        if name in ("ServiceUnavailable", "GeneralError"):
            raise TryLater(said)
        super().refuse(call, status, headers, body, content)

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        by_address = {canonical(row["email"]): row for row in body}
        receipts = []
        for message_id, address in zip(call.message_ids, call.addresses, strict=True):
            row = by_address[canonical(address)]
            taken = row["status"] in ("sent", "queued", "scheduled")
            why = f"{row['status']}: {row.get('reject_reason')}"
            receipts.append(accepted(message_id, row["_id"]) if taken else rejected(message_id, why))
        return receipts

    def webhook(self, request: WebhookRequest) -> list[Event]:
        """HMAC-SHA1 (base64) over the URL and the sorted names and values of the form."""
        form = read_form(request)
        signed = request.url + "".join(name + form[name] for name in sorted(form))
        key = key_of(self.settings, "webhook_key", self.name).encode()
        given = request.headers.get("x-mandrill-signature", "")
        check_mac(self.name, key, signed.encode(), given, digest="sha1", encoding="base64")
        return [_event(row) for row in orjson.loads(form.get("mandrill_events", "[]"))]

    def _common(self, message: Message, bodies: Bodies) -> dict[str, Any]:
        mail: dict[str, Any] = {
            "from_email": wire_email(message.sender.email),
            "from_name": display_name(message.sender.name),
            "subject": bodies.subject,
            "html": bodies.html,
            "text": bodies.text,
            "headers": {},
            "preserve_recipients": False,
            # Either of them would rewrite the finished mail.
            "auto_text": False,
            "inline_css": False,
            "tags": [message.campaign[:50].lstrip("_")],
        }
        if message.reply_to is not None:
            mail["headers"]["Reply-To"] = wire_email(message.reply_to.email)
        if self.settings.options["subaccount"]:
            mail["subaccount"] = self.settings.options["subaccount"]
        return mail


def _mailbox(message: Message) -> dict[str, str]:
    return {"email": wire_email(message.to.email), "name": display_name(message.to.name), "type": "to"}


def _event(row: dict[str, Any]) -> Event:
    msg = row.get("msg") or {}
    name = row.get("event") or "sync"
    return Event(
        esp="mandrill",
        event_id=made_id(name, row.get("_id"), row["ts"], row.get("url", "")),
        kind=_KINDS.get(name, Kind.UNKNOWN),
        at=float(row["ts"]),
        message_id=(msg.get("metadata") or {}).get("mailwright_id"),
        esp_id=row.get("_id"),
        address=msg.get("email"),
        reason=_REASONS.get(name),
        detail=str(msg.get("diag") or msg.get("reject_reason") or "")[:300],
        url=row.get("url"),
    )


ADAPTER = Mandrill
