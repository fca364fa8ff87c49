"""Signed links: a link in a mail that says who it was for, and cannot be forged."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Makes and checks links under ``base_url`` that carry a payload signed with HMAC-SHA256.

    The token is ``base64url(payload) . base64url(first 16 bytes of the MAC)``; the purpose is part of
    what is signed, so an unsubscribe link cannot be used as a view-in-browser link.
    """

    base_url: str
    secret: bytes

    def token(self, purpose: str, *payload: str) -> str:
        data = orjson.dumps(payload)
        mac = hmac.digest(self.secret, purpose.encode() + b"\x1f" + data, hashlib.sha256)[:16]
        return f"{_b64(data)}.{_b64(mac)}"

    def read(self, purpose: str, token: str) -> tuple[str, ...] | None:
        """The payload of a token of this purpose, or None when it was not signed here."""
        data64, _, mac64 = token.partition(".")
        try:
            data, mac = _unb64(data64), _unb64(mac64)
        except ValueError:
            return None
        expected = hmac.digest(self.secret, purpose.encode() + b"\x1f" + data, hashlib.sha256)[:16]
        return tuple(orjson.loads(data)) if hmac.compare_digest(mac, expected) else None

    def unsubscribe_url(self, profile_id: str, campaign: str, occasion: str) -> str:
        """The address that List-Unsubscribe and the link in the mail's foot carry (RFC 8058)."""
        return f"{self.base_url}/u/{self.token('unsubscribe', profile_id, campaign, occasion)}"

    def click_url(self, message_id: str, link: str) -> str:
        """An address that counts a click of this message and goes on to ``link``."""
        return f"{self.base_url}/c/{self.token('click', message_id, link)}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
