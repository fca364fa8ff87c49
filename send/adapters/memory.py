"""Keeps what it is given in ``adapter.sent``: for tests of whatever sends, without a socket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from mailwright.errors import SendError
from mailwright.model.message import Message, Receipt, Status
from send.adapter import Call, Capabilities, Payload, Settings
from send.event import BadSignature, Event, WebhookRequest
from send.mime import to_mime


class Memory:
    name = "memory"
    base_url = "local:"
    credentials: ClassVar[dict[str, str]] = {}
    webhook_credentials: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[dict[str, str]] = {}
    capabilities = Capabilities(shape="B", key_life=timedelta(days=36500), smtputf8=True)

    def __init__(self, settings: Settings) -> None:
        del settings
        self.sent: dict[str, bytes] = {}
        """Message id → the mail as MIME."""

    def part(self, message: Message) -> bytes:
        return to_mime(message, smtputf8=True)

    def shared(self, message: Message) -> bytes:
        raise SendError("memory has no grouped calls")

    member = shared

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        (content,) = parts
        return Payload("", content, "message/rfc822")

    async def send(self, call: Call) -> tuple[Receipt, ...]:
        (message_id,) = call.message_ids
        self.sent[message_id] = call.payload.content
        return (Receipt(message_id, Status.ACCEPTED, message_id),)

    def webhook(self, request: WebhookRequest) -> list[Event]:
        raise BadSignature("memory sends no webhooks")

    async def aclose(self) -> None:
        """Nothing is held open."""


ADAPTER = Memory
