"""Braze, ``POST /messages/send``, or ``/transactional/v1/campaigns/{id}/send`` when a campaign is named.

From Braze's REST reference: ``/messages/send`` takes our own body, in which Liquid is live, and knows no
key; a transactional campaign has its template on the platform, and ``external_send_id`` deduplicates for 24
hours. 250,000 requests an hour are shared by many endpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from mailwright.model.message import Message, Receipt
from send.adapter import MB, REQUIRED, Call, Capabilities, Payload, Settings
from send.address import header_value
from send.http import HttpAdapter, accepted, checked_headers
from send.live import inert_html


class Braze(HttpAdapter):
    name = "braze"
    base_url = "https://rest.{instance}.braze.com"
    credentials: ClassVar = {"api_key": "a REST API key with messages.send or transactional.send"}
    options: ClassVar = {"instance": REQUIRED, "app_id": None, "campaign_id": None}
    capabilities = Capabilities(
        shape="B",
        max_bytes=4 * MB,
        live_syntax=("{{", "{%"),
        correlates=False,
        gives_up="a key only with a transactional campaign, whose template is on the platform; no webhooks",
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if settings.options["campaign_id"]:
            keyed = replace(type(self).capabilities, shape="C", key_life=timedelta(hours=24), live_syntax=())
            self.capabilities = replace(keyed, headers=False, list_unsubscribe=False)  # type: ignore[misc]

    def part(self, message: Message) -> bytes:
        html = inert_html(message, self.capabilities.live_syntax, self.name)
        if self.settings.options["campaign_id"]:
            properties = {"subject": message.subject, "preheader": message.preheader, "html": html}
            recipient = {"external_user_id": message.profile_id}
            call = {"external_send_id": message.message_id, "trigger_properties": properties}
            return orjson.dumps({**call, "recipient": recipient})
        mail: dict[str, Any] = {
            "app_id": self.settings.options["app_id"],
            "from": header_value(message.sender),
            "subject": message.subject,
            "preheader": message.preheader,
            "body": html,
            "plaintext_body": message.text,
            "headers": checked_headers(message),
            "extras": {"mailwright_id": message.message_id},
            "should_inline_css": False,
        }
        if message.reply_to is not None:
            mail["reply_to"] = header_value(message.reply_to)
        return orjson.dumps({"external_user_ids": [message.profile_id], "messages": {"email": mail}})

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        (content,) = parts
        campaign = self.settings.options["campaign_id"]
        endpoint = f"/transactional/v1/campaigns/{campaign}/send" if campaign else "/messages/send"
        return Payload(endpoint, content)

    def headers(self, call: Call) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.secret('api_key')}"}

    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        if body.get("errors"):
            raise ValueError("accepted with errors")
        return [accepted(call.message_ids[0], body.get("dispatch_id"))]


ADAPTER = Braze
