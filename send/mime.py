"""A message as MIME (RFC 5322, 2045–2049): for SMTP, ``.eml`` files and ESPs that take raw mail."""

from __future__ import annotations

import base64
import quopri
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

from mailwright.errors import SendError
from mailwright.model.message import Message
from send.address import check_header, header_value, wire_email

_MAX_LINE = 998
_OURS = frozenset(
    ["from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "content-type", "reply-to",
     "sender", "return-path", "content-transfer-encoding"]
)  # fmt: skip


def message_id_header(message: Message) -> str:
    """Message-ID made of our own id, so that a mail made again has the same one."""
    domain = wire_email(message.sender.email).rpartition("@")[2]
    return f"<{message.message_id}@{domain}>"


def to_mime(message: Message, *, date: datetime | None = None, smtputf8: bool = False) -> bytes:
    """multipart/alternative of text and HTML, CRLF line ends, no line over 998 octets.

    The same message gives the same bytes (the boundary is made of the message's id). Raises SendError for
    a header that could be read as two.
    """
    boundary = f"=_mailwright_{message.message_id}"
    head = [
        ("From", header_value(message.sender)),
        ("To", header_value(message.to, smtputf8=smtputf8)),
        ("Subject", _encoded("Subject", message.subject)),
        ("Message-ID", message_id_header(message)),
    ]
    if date is not None:
        head.append(("Date", format_datetime(date)))
    if message.reply_to is not None:
        head.append(("Reply-To", header_value(message.reply_to)))
    for name, value in message.headers.items():
        if name.lower() in _OURS:
            raise SendError(f"header {name} is set by Mailwright itself and cannot be given")
        head.append((name, _encoded(name, value)))
    head += [("MIME-Version", "1.0"), ("Content-Type", f'multipart/alternative; boundary="{boundary}"')]
    parts = [_part("text/plain", message.text.encode()), _part("text/html", message.html)]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    headers = "".join(f"{name}: {value}\r\n" for name, value in head).encode()
    return headers + b"\r\n" + body + b"--" + boundary.encode() + b"--\r\n"


def _encoded(name: str, value: str) -> str:
    """The value, folded, as encoded words where it is not ASCII (RFC 2047)."""
    check_header(name, value)
    if value.isascii() and "=?" not in value and len(name) + 2 + len(value) <= _MAX_LINE:
        # Unfolded: a link in angle brackets must not be broken up, and 998 is the limit of the standard.
        return value
    charset = "us-ascii" if value.isascii() and "=?" not in value else "utf-8"
    return Header(value, charset, header_name=name, maxlinelen=76).encode(linesep="\r\n")


def _part(kind: str, content: bytes) -> bytes:
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = content.split(b"\n")
    if content.isascii() and max(map(len, lines)) <= _MAX_LINE - 2 and b"\0" not in content:
        encoding, body = "7bit", b"\r\n".join(lines)
    elif _mostly_ascii(content):
        encoding = "quoted-printable"
        body = quopri.encodestring(content).replace(b"\n", b"\r\n")
    else:
        encoding, body = "base64", base64.encodebytes(content).replace(b"\n", b"\r\n")
    return (
        f'Content-Type: {kind}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'.encode()
        + body
    )


def _mostly_ascii(content: bytes) -> bool:
    return sum(byte > 127 for byte in content[:4096]) * 4 <= len(content[:4096])
