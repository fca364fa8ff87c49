"""Plays Mailgun's ``/v3/{domain}/messages`` with recipient variables, and signs its webhooks."""

from __future__ import annotations

import email.parser
import email.policy
import hmac
import re
from collections.abc import Sequence
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail
from send.stub.play import Ask, Bad, Desk, Hook, Play, Reply, Told, mailbox, need, once, secret

SIGNING_KEY = secret("mailgun")
_NAMES = {
    Kind.QUEUED: "accepted",
    Kind.DELIVERED: "delivered",
    Kind.DEFERRED: "failed",
    Kind.BOUNCED: "failed",
    Kind.REJECTED: "rejected",
    Kind.OPENED: "opened",
    Kind.CLICKED: "clicked",
    Kind.COMPLAINED: "complained",
    Kind.UNSUBSCRIBED: "unsubscribed",
}
_VARIABLE = re.compile(r"%recipient\.([A-Za-z0-9_]+)%")


def _error(message: str) -> dict[str, Any]:
    return {"message": message}


def send(ask: Ask, desk: Desk) -> Reply:
    need(ask.headers.get("authorization", "").startswith("Basic "), 401, _error("Forbidden"))
    need(len(ask.body) <= 25_000_000, 413, _error("too large"))
    fields = _form(ask)
    options = sum(len(n) + len(v.encode()) for n, v in fields if n[:2] in ("o:", "h:", "v:", "t:"))
    need(options <= 16_384, 400, _error("h:, v:, o: and t: are over 16 KB"))
    one = {n: v for n, v in fields if n != "to"}
    everyone = [_box(v) for n, v in fields if n == "to"]
    variables = orjson.loads(one["recipient-variables"]) if "recipient-variables" in one else None
    need(1 <= len(everyone) <= 1000, 400, _error("1 to 1000 recipients"))
    need(len(everyone) == 1 or variables is not None, 400, _error("everyone would see every address"))
    esp_id = f"<{desk.next_id('mg')}@mailgun.example>"
    mails = []
    for to, name in everyone:
        values = (variables or {}).get(to, {})
        need(variables is None or to in variables, 400, _error(f"no variables for {to}"))
        merged = {n: _merge(v, values) for n, v in one.items() if n != "recipient-variables"}
        mails.append(_mail(merged, to, name, esp_id))
    return Reply(200, {"id": esp_id, "message": "Queued. Thank you."}, mails)


def _mail(fields: dict[str, str], to: str, name: str, esp_id: str) -> Mail:
    headers = {n[2:]: once(v, n, _error) for n, v in fields.items() if n.startswith("h:")}
    return Mail(
        esp="mailgun",
        esp_id=esp_id,
        to=to,
        to_name=name,
        message_id=fields.get("v:mailwright_id"),
        sender=_box(fields["from"])[0],
        subject=once(fields["subject"], "subject", _error),
        html=fields["html"],
        text=fields["text"],
        headers=headers,
    )


def _merge(text: str, values: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda m: values.get(m[1], m[0]), text)


def _box(text: str) -> tuple[str, str]:
    try:
        return mailbox(text)
    except ValueError as error:
        raise Bad(400, _error(f"'to' parameter is not a valid address: {error}")) from error


def _form(ask: Ask) -> list[tuple[str, str]]:
    """multipart/form-data, read by the standard library's MIME parser and not by anything of ours."""
    kind = ask.headers.get("content-type", "")
    match = re.fullmatch(r"multipart/form-data; boundary=([0-9A-Za-z'()+_,\-./:=?]{1,70})", kind)
    if match is None:
        raise Bad(400, _error(f"content type {kind!r}"))
    fields = []
    pieces = ask.body.split(b"--" + match[1].encode())
    need(pieces[-1].strip() == b"--", 400, _error("the form does not end"))
    for piece in pieces[1:-1]:
        head, _, value = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        part = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + b"\r\n\r\n")
        fields.append((str(part.get_param("name", header="content-disposition")), value[:-2].decode()))
    return fields


def hooks(told: Sequence[Told], url: str, now: float) -> list[Hook]:
    return [_hook(t, now) for t in told if t.kind in _NAMES]


def _hook(t: Told, now: float) -> Hook:
    stamp, token = str(int(now)), f"{t.event_id:0>50}"[-50:]
    signature = hmac.digest(SIGNING_KEY.encode(), (stamp + token).encode(), "sha256").hex()
    row = {
        "event": _NAMES[t.kind],
        "timestamp": t.at,
        "recipient": t.mail.to,
        "severity": "temporary" if t.kind is Kind.DEFERRED else "permanent",
        "user-variables": {"mailwright_id": t.mail.message_id},
    }
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    return Hook({}, orjson.dumps({"signature": signed, "event-data": row}))


PLAY = Play("mailgun", (("POST", r"/v3/[^/]+/messages", send),), hooks, {"webhook_key": SIGNING_KEY})
