"""SMTP: one transaction a recipient, over connections that are kept.

The base URL is ``smtp://host:587`` (STARTTLS, required unless the host is this machine) or
``smtps://host:465``. 4yz answers are tried again and 5yz are final (RFC 5321, 4.2.1); once the mail's data
has left without an answer nobody knows whether it was taken.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from mailwright.errors import SendError
from mailwright.model.message import Message, Receipt
from send.adapter import MB, Call, Capabilities, Halted, NoAnswer, Payload, Refused, Settings, TryLater
from send.address import wire_email
from send.event import BadSignature, Event, WebhookRequest
from send.http import accepted
from send.mime import message_id_header, to_mime


class Smtp:
    name = "smtp"
    base_url = "smtp://localhost:25"
    credentials: ClassVar[dict[str, str]] = {
        "username": "the account's name",
        "password": "the account's password",
    }
    webhook_credentials: ClassVar[tuple[str, ...]] = ("username", "password")
    """A relay on the same machine asks for none."""
    options: ClassVar[dict[str, object]] = {}
    capabilities = Capabilities(
        shape="B",
        max_bytes=25 * MB,
        smtputf8=True,
        correlates=False,
        gives_up="no key and no webhooks: a transaction without an answer stays unknown",
    )

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lanes: list[smtplib.SMTP] = []

    def part(self, message: Message) -> bytes:
        sender = wire_email(message.sender.email)
        wire_email(message.to.email, smtputf8=True)
        return f"{sender}\n{message_id_header(message)}\n".encode() + to_mime(message, smtputf8=True)

    def shared(self, message: Message) -> bytes:
        raise SendError("smtp has no grouped calls")

    member = shared

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        (content,) = parts
        return Payload("", content, "message/rfc822")

    async def send(self, call: Call) -> tuple[Receipt, ...]:
        return (await asyncio.to_thread(self._transact, call),)

    def webhook(self, request: WebhookRequest) -> list[Event]:
        raise BadSignature("smtp has no webhooks")

    async def aclose(self) -> None:
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            await asyncio.to_thread(lane.close)

    def _transact(self, call: Call) -> Receipt:
        sender, esp_id, content = call.payload.content.split(b"\n", 2)
        lane = self._lane()
        utf8 = not call.addresses[0].isascii()
        recipient = wire_email(call.addresses[0], smtputf8=True)
        try:
            options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 and not recipient.isascii() else []
            _expect(lane.mail(sender.decode(), options), lane)
            _expect(lane.rcpt(recipient), lane)
        except (smtplib.SMTPException, OSError) as error:
            lane.close()
            raise TryLater(f"smtp: {type(error).__name__} before the data") from error
        try:
            code, said = lane.data(content)
        except smtplib.SMTPDataError as error:
            _expect((error.smtp_code, _bytes(error.smtp_error)), lane)
            raise Refused(f"smtp answered {error.smtp_code}") from error
        except (smtplib.SMTPException, OSError) as error:
            lane.close()
            raise NoAnswer(f"smtp: {type(error).__name__} after the data") from error
        _expect((code, said), lane)
        self._lanes.append(lane)
        return accepted(call.message_ids[0], esp_id.decode())

    def _lane(self) -> smtplib.SMTP:
        while self._lanes:
            lane = self._lanes.pop()
            try:
                if lane.noop()[0] == 250:
                    return lane
            except (smtplib.SMTPException, OSError):
                lane.close()
        try:
            return self._connect()
        except smtplib.SMTPAuthenticationError as error:
            raise Halted(f"smtp refuses the account ({error.smtp_code})") from error
        except (smtplib.SMTPException, OSError) as error:
            raise TryLater(f"smtp could not be reached: {type(error).__name__}") from error

    def _connect(self) -> smtplib.SMTP:
        parts = urlsplit(self.settings.base_url)
        host, timeout = parts.hostname or "localhost", float(self.settings.options.get("timeout_s", 30.0))
        if parts.scheme == "smtps":
            context = ssl.create_default_context()
            lane: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=timeout, context=context)
        else:
            lane = smtplib.SMTP(host, parts.port or 587, timeout=timeout)
            lane.ehlo()
            if lane.has_extn("starttls"):
                lane.starttls(context=ssl.create_default_context())
            elif host not in ("127.0.0.1", "localhost", "::1"):
                lane.close()
                raise Halted(f"smtp: {host} offers no STARTTLS, and mail does not travel in the clear")
        lane.ehlo()
        if "username" in self.settings.secrets:
            lane.login(self.settings.secret("username"), self.settings.secret("password"))
        return lane


def _expect(answer: tuple[int, bytes], lane: smtplib.SMTP) -> None:
    code, said = answer
    if 200 <= code < 300:
        return
    lane.close()
    text = f"smtp answered {code} {said.decode('utf-8', 'replace')[:200]}"
    if code == 421 or 400 <= code < 500:
        raise TryLater(text)
    raise Refused(text)


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode()


ADAPTER = Smtp
