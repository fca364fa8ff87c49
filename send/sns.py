"""Amazon SNS: the envelope in which SES tells of its events, signed by a certificate of Amazon's."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from send.event import BadSignature, WebhookRequest
from send.verify import check_age, read_json, unix

_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip
_WINDOW_S = 3600


def read_notification(
    request: WebhookRequest, topic_arns: Sequence[str], certificate: str | None
) -> tuple[dict[str, Any] | None, str]:
    """The event and the notification's id; None for a confirmed subscription.

    ``topic_arns``: those that may speak, empty for any; ``certificate``: a PEM file instead of the one that
    the notification names (which must stand on Amazon's own host). BadSignature: it is not Amazon's.
    """
    envelope = read_json("ses", request)
    fields = _SIGNED.get(envelope.get("Type", ""))
    if fields is None:
        raise BadSignature("ses: this is no SNS notification")
    if topic_arns and envelope.get("TopicArn") not in topic_arns:
        raise BadSignature("ses: the notification comes from another topic")
    _verify(envelope, fields, certificate)
    check_age("ses", str(unix(envelope["Timestamp"])), request.now, window_s=_WINDOW_S)
    if envelope["Type"] == "SubscriptionConfirmation":
        _confirm(envelope["SubscribeURL"])
        return None, envelope["MessageId"]
    return orjson.loads(envelope["Message"]), envelope["MessageId"]


def canonical_string(envelope: dict[str, Any], fields: Sequence[str]) -> bytes:
    """What SNS signs: each field that is there, name and value on a line each, in byte order of names."""
    return "".join(f"{name}\n{envelope[name]}\n" for name in fields if name in envelope).encode()


def _verify(envelope: dict[str, Any], fields: Sequence[str], certificate: str | None) -> None:
    pem = Path(certificate).read_bytes() if certificate else _fetch(str(envelope.get("SigningCertURL")))
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise BadSignature("ses: the notification's certificate holds no RSA key")
        # SNS's signature version 1 is SHA-1, version 2 SHA-256 (SNS developer guide).
        digest = hashes.SHA256() if envelope.get("SignatureVersion") == "2" else hashes.SHA1()  # noqa: S303
        signature = base64.b64decode(envelope["Signature"])
        key.verify(signature, canonical_string(envelope, fields), padding.PKCS1v15(), digest)
    except (InvalidSignature, ValueError, KeyError) as error:
        raise BadSignature("ses: the notification's signature does not fit") from error


@functools.lru_cache(maxsize=16)
def _fetch(url: str) -> bytes:
    """The certificate, from Amazon's own host only: a link to any other would let anybody sign."""
    _pin(url)
    try:
        return httpx.get(url, timeout=10, follow_redirects=False).raise_for_status().content
    except httpx.HTTPError as error:
        raise BadSignature("ses: the notification's certificate could not be fetched") from error


def _confirm(url: str) -> None:
    _pin(url)
    try:
        httpx.get(url, timeout=10, follow_redirects=False).raise_for_status()
    except httpx.HTTPError as error:
        raise BadSignature("ses: the subscription could not be confirmed") from error


def _pin(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not _HOST.fullmatch(parts.hostname or "") or parts.port not in (None, 443):
        raise BadSignature("ses: the notification names a host that is not Amazon's")
