"""Salesforce Marketing Cloud, ``POST /messaging/v1/email/messages/{messageKey}``: a triggered send's template
prints our HTML.

From the transactional messaging API's reference: ``messageKey`` of up to 100 characters, unique for 72
hours, a second use of which is rejected; 2,000 recipients a batch, 500 advised with attributes. Tokens last
20 minutes. AMPscript (``%%…%%``) is live in what ``TreatAsContent`` prints. The Event Notification Service
signs with HMAC-SHA256 and tells at least once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import httpx
import orjson

from mailwright.model.message import Message, Receipt
from send.adapter import MB, REQUIRED, Call, Capabilities, Halted, Payload, TryLater
from send.address import wire_email
from send.event import Event, Kind, RejectReason, WebhookRequest
from send.http import HttpAdapter, accepted
from send.live import inert_html
from send.verify import check_mac, key_of, made_id, read_json, unix

_KINDS = {
    "TransactionalSendEvents.EmailSent": Kind.SENT,
    "TransactionalSendEvents.EmailNotSent": Kind.REJECTED,
    "TransactionalSendEvents.EmailQueued": Kind.QUEUED,
    "TransactionalSendEvents.EmailBounced": Kind.BOUNCED,
    "EngagementEvents.EmailOpen": Kind.OPENED,
    "EngagementEvents.EmailClick": Kind.CLICKED,
    "EngagementEvents.EmailUnsubscribe": Kind.UNSUBSCRIBED,
}


class SalesforceMc(HttpAdapter):
    name = "salesforce_mc"
    base_url = "https://{subdomain}.rest.marketingcloudapis.com"
    credentials: ClassVar = {
        "client_id": "the installed package's client id",
        "client_secret": "the installed package's client secret",
        "webhook_key": "the callback's signature key (base64)",
    }
    webhook_credentials = ("webhook_key",)
    options: ClassVar = {"subdomain": REQUIRED, "definition_key": REQUIRED, "auth_url": None}
    capabilities = Capabilities(
        shape="C",
        max_bytes=4 * MB,
        key_life=timedelta(hours=72),
        headers=False,
        list_unsubscribe=False,
        live_syntax=("%%",),
        webhooks="signed",
        gives_up="one mail a call, because a batch has one key; the template is on the platform",
    )
    _token: str = ""
    _token_until: float = 0.0

    def part(self, message: Message) -> bytes:
        attributes = {
            "subject": message.subject,
            "preheader": message.preheader,
            "html": inert_html(message, self.capabilities.live_syntax, self.name),
            "text": message.text,
        }
        recipient = {
            "contactKey": message.profile_id,
            "to": wire_email(message.to.email),
            "attributes": attributes,
        }
        definition = self.settings.options["definition_key"]
        return orjson.dumps([message.message_id, {"definitionKey": definition, "recipient": recipient}])

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        ((message_id, call),) = [orjson.loads(part) for part in parts]
        return Payload(f"/messaging/v1/email/messages/{message_id}", orjson.dumps(call))

    async def authorize(self) -> None:
        """A token, at most once in 18 minutes."""
        if time.monotonic() < self._token_until:
            return
        options = self.settings.options
        url = options["auth_url"] or f"https://{options['subdomain']}.auth.marketingcloudapis.com"
        grant = {
            "grant_type": "client_credentials",
            "client_id": self.settings.secret("client_id"),
            "client_secret": self.settings.secret("client_secret"),
        }
        try:
            async with httpx.AsyncClient(timeout=20) as client:
                response = await client.post(f"{url}/v2/token", json=grant)
        except httpx.HTTPError as error:
            raise TryLater("salesforce_mc gave no token") from error
        if response.status_code in (400, 401, 403):
            raise Halted(f"salesforce_mc refuses the client ({response.status_code})")
        if response.status_code != 200:
            raise TryLater(f"salesforce_mc gave no token ({response.status_code})")
        self._token = str(response.json()["access_token"])
        self._token_until = time.monotonic() + 18 * 60

    def headers(self, call: Call) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        return [accepted(call.message_ids[0], str(body.get("requestId") or ""))]

    def read(
        self, call: Call, status: int, headers: Mapping[str, str], content: bytes
    ) -> tuple[Receipt, ...]:
        if call.maybe_taken and status == 400 and b"uplicate" in content:
            # The key has been used, and by nobody but an earlier try of this very call.
            return (accepted(call.message_ids[0]),)
        return super().read(call, status, headers, content)

    def webhook(self, request: WebhookRequest) -> list[Event]:
        """HMAC-SHA256 (base64) over the body."""
        key = key_of(self.settings, "webhook_key", self.name).encode()
        given = request.headers.get("x-sfmc-ens-signature", "")
        check_mac(self.name, key, request.body, given, encoding="base64")
        return [_event(row) for row in read_json(self.name, request)]


def _event(row: dict[str, Any]) -> Event:
    kind = _KINDS.get(row["eventCategoryType"], Kind.UNKNOWN)
    info, composite = row.get("info") or {}, row.get("composite") or {}
    return Event(
        esp="salesforce_mc",
        event_id=made_id(row["eventCategoryType"], row.get("compositeId"), row["timestampUTC"]),
        kind=kind,
        at=unix(row["timestampUTC"]),
        message_id=info.get("messageKey") or composite.get("messageKey"),
        address=info.get("to"),
        reason=RejectReason.BOUNCED if kind is Kind.BOUNCED else None,
        detail=str(info.get("reason") or info.get("bounceType") or "")[:300],
        url=info.get("url"),
    )


ADAPTER = SalesforceMc
