"""Plays SES v2: single and bulk sends, the shape of a SigV4 signature, and SNS notifications."""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import Ask, Bad, Desk, Hook, Play, Reply, Told, mailbox, need, once

_NAMES = {
    Kind.SENT: "Send",
    Kind.QUEUED: "Send",
    Kind.DELIVERED: "Delivery",
    Kind.DEFERRED: "DeliveryDelay",
    Kind.BOUNCED: "Bounce",
    Kind.REJECTED: "Reject",
    Kind.OPENED: "Open",
    Kind.CLICKED: "Click",
    Kind.COMPLAINED: "Complaint",
}
_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[a-z0-9-]+/ses/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}"
)


def _error(message: str) -> dict[str, Any]:
    return {"message": message}


def _signed(ask: Ask) -> None:
    need(bool(_SIGNATURE.fullmatch(ask.headers.get("authorization", ""))), 403, _error("signature"))
    need("x-amz-date" in ask.headers, 403, _error("no X-Amz-Date"))


def one(ask: Ask, desk: Desk) -> Reply:
    _signed(ask)
    body = ask.json()
    simple = body["Content"]["Simple"]
    mail = _mail(
        body,
        body["Destination"],
        simple.get("Headers", []),
        body.get("EmailTags", []),
        (simple["Subject"]["Data"], simple["Body"]["Html"]["Data"], simple["Body"]["Text"]["Data"]),
        desk,
    )
    return Reply(200, {"MessageId": mail.esp_id}, [mail])


def bulk(ask: Ask, desk: Desk) -> Reply:
    _signed(ask)
    need(len(ask.body) <= 1_000_000, 400, _error("over 1 MB"))
    body = ask.json()
    template = body["DefaultContent"]["Template"]
    content = template["TemplateContent"]
    entries = body["BulkEmailEntries"]
    need(1 <= len(entries) <= 50, 400, _error("1 to 50 entries"))
    results, mails = [], []
    for i, entry in enumerate(entries):
        if ask.partial and i % 3 == 1:
            results.append({"Status": "TRANSIENT_FAILURE", "Error": "try again"})
            continue
        own = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
        need(len(own) <= 262_144, 400, _error("ReplacementTemplateData"))
        values = {**orjson.loads(template["TemplateData"]), **orjson.loads(own)}
        texts = tuple(_merge(content[name], values) for name in ("Subject", "Html", "Text"))
        mail = _mail(body, entry["Destination"], entry.get("ReplacementHeaders", []),
                     entry.get("ReplacementTags", []), texts, desk)  # fmt: skip
        mails.append(mail)
        results.append({"Status": "SUCCESS", "MessageId": mail.esp_id})
    return Reply(200, {"BulkEmailEntryResults": results}, mails)


def _merge(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda m: values[m[1]], text)


def _mail(
    body: dict[str, Any], destination: dict[str, Any], headers: list[dict[str, str]],
    tags: list[dict[str, str]], texts: tuple[str, ...], desk: Desk,
) -> Mail:  # fmt: skip
    need(len(headers) <= 15, 400, _error("15 headers at most"))
    for header in headers:
        value = once(header["Value"], header["Name"], _error)
        need(len(value) <= 995 and value.isascii(), 400, _error(f"header {header['Name']}"))
    try:
        address, name = mailbox(destination["ToAddresses"][0])
        sender, _ = mailbox(body["FromEmailAddress"])
    except ValueError as error:
        raise Bad(400, _error(f"address: {error}")) from error
    return Mail(
        esp="ses",
        esp_id=desk.next_id("0100ses"),
        to=address,
        to_name=name,
        message_id=next((t["Value"] for t in tags if t["Name"] == "mailwright_id"), None),
        sender=sender,
        subject=once(texts[0], "Subject", _error),
        html=texts[1],
        text=texts[2],
        headers={h["Name"]: h["Value"] for h in headers},
    )


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate() -> str:
    """A PEM file with the certificate that the stub's notifications are signed by."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.stub")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_key().public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(_key(), hashes.SHA256())
    )
    path = Path(tempfile.mkdtemp(prefix="mailwright-stub-")) / "sns.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return str(path)


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    return [_hook(t, now) for t in told if t.kind in _NAMES]


def _hook(t: Told, now: float) -> Hook:
    at = datetime.fromtimestamp(t.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    name = _NAMES[t.kind]
    own: dict[str, Any] = {"timestamp": at}
    if t.kind is Kind.BOUNCED:
        own |= {"bounceType": "Permanent", "bounceSubType": "General"}
    mail = {
        "messageId": t.mail.esp_id,
        "timestamp": at,
        "destination": [t.mail.to],
        "tags": {"mailwright_id": [t.mail.message_id]},
    }
    row = {"eventType": name, "mail": mail, name.lower(): own}
    envelope = {
        "Type": "Notification",
        "MessageId": t.event_id,
        "TopicArn": "arn:aws:sns:eu-west-1:000000000000:mailwright",
        "Message": orjson.dumps(row).decode(),
        "Timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        "SignatureVersion": "2",
    }
    fields = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
    signed = "".join(f"{field}\n{envelope[field]}\n" for field in fields).encode()
    signature = _key().sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return Hook({}, orjson.dumps({**envelope, "Signature": base64.b64encode(signature).decode()}))


PLAY = Play(
    "ses",
    (("POST", "/v2/email/outbound-emails", one), ("POST", "/v2/email/outbound-bulk-emails", bulk)),
    hooks,
)
