"""SparkPost, ``POST /api/v1/transmissions``.

From SparkPost's API reference: one content a transmission, 20 MB; ``substitution_data`` per recipient;
HTML goes through its template language unless ``perform_substitutions`` is false, headers always do; a
List-Unsubscribe of one's own is dropped silently. 420 says that a quota is used up. No idempotency key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import orjson

from mailwright.errors import SendError
from mailwright.model.message import Address, Message, Receipt
from send.adapter import MB, Call, Capabilities, NoAnswer, Payload
from send.address import display_name, header_value, wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.grouping import Bodies, Syntax
from send.http import HttpAdapter, accepted, checked_headers, rejected
from send.verify import check_basic, read_json

# Three braces: SparkPost escapes what stands in two.
_SYNTAX = Syntax("{{{", "}}}", live="{{")
_KINDS = {
    "injection": Kind.QUEUED,
    "delivery": Kind.DELIVERED,
    "delay": Kind.DEFERRED,
    "bounce": Kind.BOUNCED,
    "out_of_band": Kind.BOUNCED,
    "policy_rejection": Kind.REJECTED,
    "generation_rejection": Kind.REJECTED,
    "generation_failure": Kind.FAILED,
    "open": Kind.OPENED,
    "initial_open": Kind.OPENED,
    "click": Kind.CLICKED,
    "spam_complaint": Kind.COMPLAINED,
    "list_unsubscribe": Kind.UNSUBSCRIBED,
    "link_unsubscribe": Kind.UNSUBSCRIBED,
}
_HARD_BOUNCES = frozenset({"10", "30", "90"})
"""Bounce classes: invalid recipient, generic without one, unsubscribe."""


class SparkPost(HttpAdapter):
    name = "sparkpost"
    base_url = "https://api.sparkpost.com"
    credentials: ClassVar = {
        "api_key": "an API key with Transmissions: Read/Write",
        "webhook_password": "user:password of the webhook's Basic authentication",
    }
    webhook_credentials = ("webhook_password",)
    options: ClassVar = {"ip_pool": None, "tracking": False}
    capabilities = Capabilities(
        shape="B",
        max_bytes=20 * MB,
        max_grouped=1000,
        max_values_bytes=100_000,
        syntax=_SYNTAX,
        list_unsubscribe=False,
        webhooks="shared secret",
        refused_statuses=frozenset({420, 429, 503}),
        gives_up="a List-Unsubscribe of our own is dropped; SparkPost writes its own",
    )

    def part(self, message: Message) -> bytes:
        return self._transmission(
            message,
            Bodies(message.subject, message.text, message.html.decode("ascii")),
            [_recipient(message)],
        )

    def shared(self, message: Message) -> bytes:
        return self._transmission(message, _SYNTAX.bodies(message), None)

    def member(self, message: Message) -> bytes:
        return orjson.dumps({**_recipient(message), "substitution_data": _SYNTAX.values(message)})

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        if shared is None:
            return Payload("/api/v1/transmissions", parts[0])
        content = b'{"recipients":[' + b",".join(parts) + b"]," + shared[1:]
        return Payload("/api/v1/transmissions", content)

    def headers(self, call: Call) -> dict[str, str]:
        return {"Authorization": self.settings.secret("api_key")}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        results = body["results"]
        if not results.get("total_rejected_recipients"):
            return [accepted(message_id, str(results["id"])) for message_id in call.message_ids]
        if len(call.message_ids) == 1:
            return [rejected(call.message_ids[0], "sparkpost rejected the recipient")]
        raise NoAnswer("sparkpost rejected some of the recipients without naming them; its webhooks will")

    def webhook(self, request: WebhookRequest) -> list[Event]:
        check_basic(self.name, self.settings, request)
        rows = [
            next(iter((wrapped.get("msys") or {}).values()), None)
            for wrapped in read_json(self.name, request)
        ]
        return [_event(row) for row in rows if row]

    def _transmission(
        self, message: Message, bodies: Bodies, recipients: list[dict[str, Any]] | None
    ) -> bytes:
        headers = {
            n: v for n, v in checked_headers(message).items() if not n.lower().startswith("list-unsubscribe")
        }
        if any("{{" in value for value in headers.values()):
            raise SendError("a header holds '{{', which sparkpost would evaluate")
        if recipients is not None and "{{" in bodies.subject:
            # Substitution is off for bodies; the subject is a header, and headers are always substituted.
            raise SendError("the subject holds '{{', which sparkpost would evaluate")
        content: dict[str, Any] = {
            "from": {"email": wire_email(message.sender.email), "name": display_name(message.sender.name)},
            "subject": bodies.subject,
            "html": bodies.html,
            "text": bodies.text,
            "headers": headers,
        }
        if message.reply_to is not None:
            content["reply_to"] = header_value(message.reply_to)
        tracking = bool(self.settings.options["tracking"])
        options = {
            "perform_substitutions": recipients is None,
            "open_tracking": tracking,
            "click_tracking": tracking,
            "transactional": False,
        }
        if self.settings.options["ip_pool"]:
            options["ip_pool"] = self.settings.options["ip_pool"]
        call: dict[str, Any] = {"campaign_id": message.campaign[:64], "content": content, "options": options}
        return orjson.dumps(call if recipients is None else {"recipients": recipients, **call})


def _recipient(message: Message) -> dict[str, Any]:
    return {"address": _mailbox(message.to), "metadata": {"mailwright_id": message.message_id}}


def _mailbox(address: Address) -> dict[str, str]:
    return {"email": wire_email(address.email), "name": display_name(address.name)}


def _event(row: dict[str, Any]) -> Event:
    kind = _KINDS.get(row["type"], Kind.UNKNOWN)
    reason = None
    if kind is Kind.BOUNCED:
        hard = str(row.get("bounce_class")) in _HARD_BOUNCES
        reason = RejectReason.BOUNCED if hard else RejectReason.TIMED_OUT
    elif kind is Kind.REJECTED:
        reason = RejectReason.BLOCKED
    agent = row.get("user_agent_parsed") or {}
    return Event(
        esp="sparkpost",
        event_id=str(row["event_id"]),
        kind=kind,
        at=float(row["timestamp"]),
        message_id=(row.get("rcpt_meta") or {}).get("mailwright_id"),
        esp_id=row.get("transmission_id"),
        address=row.get("rcpt_to"),
        reason=reason,
        detail=str(row.get("raw_reason") or row.get("reason") or "")[:300],
        url=row.get("target_link_url"),
        # A proxy alone shows the picture to a person; prefetched, nobody has looked yet.
        machine=agent.get("is_prefetched") is True,
    )


ADAPTER = SparkPost
