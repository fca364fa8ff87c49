"""What every HTTP adapter shares: one pooled client, and the reading of an answer as accepted or not."""

from __future__ import annotations

import asyncio
import base64
import email.utils
import functools
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx
import orjson

from mailwright.errors import SendError
from mailwright.model.message import Message, Receipt, Status
from send.adapter import Call, Capabilities, Halted, NoAnswer, Payload, Refused, Settings, TryLater
from send.address import check_header
from send.event import BadSignature, Event, WebhookRequest

USER_AGENT = "Mailwright/0.1"
_OURS_TO_MEND = frozenset({401, 402, 403, 404, 405})
"""Answers to where and as whom we call, not to the mail: every other call would meet the same."""


class HttpAdapter(ABC):
    """An adapter whose ESP speaks HTTP. A subclass says what is in a request and what an answer means."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    base_url: ClassVar[str]
    credentials: ClassVar[Mapping[str, str]]
    """Credential → what it is, for the error when it is missing."""
    webhook_credentials: ClassVar[tuple[str, ...]] = ()
    """Those that only webhooks need, and that may be absent from a machine that only sends."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Option → its default."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lanes: list[httpx.AsyncClient] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    # ── what a subclass says ──

    @abstractmethod
    def part(self, message: Message) -> bytes: ...

    def shared(self, message: Message) -> bytes:
        raise SendError(f"{self.name} has no grouped calls")

    def member(self, message: Message) -> bytes:
        raise SendError(f"{self.name} has no grouped calls")

    @abstractmethod
    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload: ...

    @abstractmethod
    def headers(self, call: Call) -> dict[str, str]:
        """The credentials and the idempotency key, as this ESP takes them."""

    @abstractmethod
    def receipts(self, call: Call, body: Any) -> list[Receipt]:
        """One receipt a message, from the JSON of a 2xx answer. KeyError, TypeError …: not understood."""

    def content(self, call: Call) -> bytes:
        """The body as it leaves; for ESPs that take the key in it."""
        return call.payload.content

    async def authorize(self) -> None:  # noqa: B027 most need nothing
        """For ESPs whose token must be fetched first."""

    def webhook(self, request: WebhookRequest) -> list[Event]:
        raise BadSignature(f"{self.name} sends no webhooks that Mailwright reads")

    # ── what all share ──

    async def send(self, call: Call) -> tuple[Receipt, ...]:
        await self.authorize()
        request = httpx.Request(
            "POST",
            self.settings.base_url + call.payload.endpoint,
            headers={
                "Content-Type": call.payload.content_type,
                "User-Agent": USER_AGENT,
                **self.headers(call),
            },
            content=self.content(call),
        )
        lane = self._lane()
        try:
            response = await lane.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TryLater(f"{self.name} could not be reached: {_said(error)}") from error
        except httpx.HTTPError as error:
            raise NoAnswer(f"{self.name} gave no answer: {_said(error)}") from error
        finally:
            self._lanes.append(lane)
        return self.read(call, response.status_code, response.headers, response.content)

    def read(
        self, call: Call, status: int, headers: Mapping[str, str], content: bytes
    ) -> tuple[Receipt, ...]:
        """What an answer means. An answer that cannot be read never counts as either yes or no."""
        body = _json(content)
        if 200 <= status < 300:
            try:
                found = {receipt.message_id: receipt for receipt in self.receipts(call, body)}
                return tuple(found[message_id] for message_id in call.message_ids)
            except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
                raise NoAnswer(f"{self.name} answered {status} with a body that cannot be read") from error
        self.refuse(call, status, headers, body, content)
        raise AssertionError("refuse() always raises")

    def refuse(self, call: Call, status: int, headers: Mapping[str, str], body: Any, content: bytes) -> None:
        """Raises what an answer other than 2xx means."""
        said = f"{self.name} answered {status}: {self.complaint(body, content)}"
        if status in self.capabilities.refused_statuses or (status == 500 and self.is_own_error(body)):
            after = retry_after(headers, time.time())
            raise TryLater(said, after_s=after, throttled=status in (420, 429) or after is not None)
        if status in _OURS_TO_MEND or 300 <= status < 400:
            raise Halted(said)
        if 400 <= status < 500 and status not in (408, 425):
            raise Refused(said)
        raise NoAnswer(said)

    def is_own_error(self, body: Any) -> bool:
        """Whether the body is the platform's own error document, by which the application itself says that
        it failed; a gateway's page says nothing of what became of the call behind it."""
        return isinstance(body, dict) and any(key in body for key in ("errors", "error", "message"))

    def complaint(self, body: Any, content: bytes) -> str:
        """The ESP's own words, at most 300 characters, on one line."""
        text = orjson.dumps(body).decode() if body is not None else content.decode("utf-8", "replace")
        return " ".join(text.split())[:300]

    async def aclose(self) -> None:
        lanes, self._lanes = self._lanes, []
        if self._loop is asyncio.get_running_loop():
            for lane in lanes:
                await lane.aclose()

    def _lane(self) -> httpx.AsyncClient:
        """A client that no other call is using: one connection each, because the pool of a shared client
        looks at all of its connections for every request. Sockets do not survive their event loop."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._lanes = loop, []
        if self._lanes:
            return self._lanes.pop()
        return httpx.AsyncClient(
            verify=_tls(),
            timeout=httpx.Timeout(self.settings.options.get("timeout_s", 30.0)),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            follow_redirects=False,
        )


def accepted(message_id: str, esp_id: str | None = None) -> Receipt:
    return Receipt(message_id, Status.ACCEPTED, esp_id)


def rejected(message_id: str, detail: str) -> Receipt:
    return Receipt(message_id, Status.REJECTED, None, " ".join(detail.split())[:300])


def basic_auth(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def checked_headers(message: Message) -> dict[str, str]:
    """The message's own headers, each fit to stand in a mail."""
    for name, value in message.headers.items():
        check_header(name, value)
    return dict(message.headers)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from Retry-After (RFC 9110: seconds or a date) or a rate limit's reset."""
    if value := headers.get("retry-after"):
        if value.strip().isdigit():
            return float(value)
        if (parsed := email.utils.parsedate_tz(value)) is not None:
            return max(0.0, email.utils.mktime_tz(parsed) - now)
    for name in ("x-ratelimit-reset", "ratelimit-reset", "x-sib-ratelimit-reset"):
        if (value := headers.get(name, "")).isdigit():
            # Platforms give either an instant or a number of seconds.
            return max(0.0, float(value) - now) if float(value) > 1e9 else float(value)
    return None


@functools.cache
def _tls() -> ssl.SSLContext:
    """One for all: reading the certificate authorities takes a tenth of a second."""
    return httpx.create_ssl_context()


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        return None


def _said(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()[:200]
