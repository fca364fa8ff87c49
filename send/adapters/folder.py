"""A folder of ``.eml`` files, one a mail: what a newcomer sends to, and what an archive is made of.

The file's name is the message's id, so a mail sent again is the same file: the key is kept for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from mailwright.errors import SendError
from mailwright.model.message import Message, Receipt, Status
from mailwright.model.replacing import replacing
from send.adapter import Call, Capabilities, Payload, Settings, TryLater
from send.event import BadSignature, Event, WebhookRequest
from send.mime import to_mime


class Folder:
    name = "folder"
    base_url = "local:"
    credentials: ClassVar[dict[str, str]] = {}
    webhook_credentials: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[dict[str, str]] = {"folder": "out/mails"}
    capabilities = Capabilities(shape="B", key_life=timedelta(days=36500), smtputf8=True)

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.root / settings.options["folder"]

    def part(self, message: Message) -> bytes:
        return to_mime(message, smtputf8=True)

    def shared(self, message: Message) -> bytes:
        raise SendError("folder has no grouped calls")

    member = shared

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        (content,) = parts
        return Payload("", content, "message/rfc822")

    async def send(self, call: Call) -> tuple[Receipt, ...]:
        (message_id,) = call.message_ids
        path = self.folder / f"{message_id}.eml"
        try:
            await asyncio.to_thread(_write, path, call.payload.content)
        except OSError as error:
            raise TryLater(f"{path} cannot be written: {error.strerror}") from error
        return (Receipt(message_id, Status.ACCEPTED, path.name),)

    def webhook(self, request: WebhookRequest) -> list[Event]:
        raise BadSignature("a folder sends no webhooks")

    async def aclose(self) -> None:
        """Nothing is held open."""


def _write(path: Path, content: bytes) -> None:
    """All or nothing: a reader never sees half a mail."""
    with replacing(path) as half:
        half.write_bytes(content)


ADAPTER = Folder
