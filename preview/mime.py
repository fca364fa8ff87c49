"""The mail as an e-mail message: what is downloaded, and what the headers page shows."""

from __future__ import annotations

from email import policy
from email.parser import BytesHeaderParser

from mailwright.model.message import Message
from send.mime import to_mime


def mime_bytes(message: Message) -> bytes:
    """The whole message as an adapter for raw mail sends it. Raises SendError for headers that cannot be."""
    return to_mime(message)


def mime_headers(message: Message) -> list[tuple[str, str]]:
    """Its headers in order, decoded."""
    parsed = BytesHeaderParser(policy=policy.default).parsebytes(to_mime(message))
    return [(name, str(value)) for name, value in parsed.items()]
