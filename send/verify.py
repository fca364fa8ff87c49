"""The pieces of which webhook verifications are made: all compare in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from send.adapter import Settings
from send.event import BadSignature, WebhookRequest


def key_of(settings: Settings, credential: str, esp: str) -> str:
    """The webhook's secret. BadSignature when this server was given none: then nobody can be believed."""
    if credential not in settings.secrets:
        raise BadSignature(f"{esp}: no {credential} is set, so webhooks cannot be verified")
    return settings.secret(credential)


def check_mac(
    esp: str, key: bytes, signed: bytes, given: str, *, digest: str = "sha256", encoding: str = "hex"
) -> None:
    """BadSignature unless ``given`` is the HMAC of ``signed``; in hex or base64."""
    mac = hmac.digest(key, signed, digest)
    expected = mac.hex() if encoding == "hex" else base64.b64encode(mac).decode()
    given = given.strip().lower() if encoding == "hex" else given.strip()
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise BadSignature(f"{esp}: the webhook's signature does not fit")


def check_age(esp: str, stamp: str, now: float, *, window_s: float) -> None:
    """BadSignature unless the instant (Unix seconds or milliseconds) is within the window."""
    try:
        at = float(stamp)
    except ValueError as error:
        raise BadSignature(f"{esp}: the webhook has no timestamp") from error
    at = at / 1000 if at > 1e11 else at
    if not abs(now - at) <= window_s:
        raise BadSignature(f"{esp}: the webhook is too old, or of the future")


def check_basic(esp: str, settings: Settings, request: WebhookRequest) -> None:
    """BadSignature unless the request carries the ``user:password`` that its URL was registered with."""
    expected = key_of(settings, "webhook_password", esp)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        plain = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        plain = b""
    if scheme.lower() != "basic" or not hmac.compare_digest(plain, expected.encode()):
        raise BadSignature(f"{esp}: the webhook does not carry the password of its address")


def read_json(esp: str, request: WebhookRequest) -> Any:
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise BadSignature(f"{esp}: the webhook's body is not JSON") from error


def read_form(request: WebhookRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def unix(text: str | float | int) -> float:
    """Unix seconds of an ISO 8601 instant (without a zone: UTC), or of a number of (milli)seconds."""
    if isinstance(text, int | float) or text.replace(".", "", 1).isdigit():
        number = float(text)
        return number / 1000 if number > 1e11 else number
    at = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def made_id(*parts: object) -> str:
    """An id for an event that the ESP gives none: the same event always has the same."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]
