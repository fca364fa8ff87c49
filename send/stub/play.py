"""How a platform is played: its routes, what it checks, and the webhooks it would send."""

from __future__ import annotations

import base64
import email.policy
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from send.event import Kind
from send.stub.mailbox import Mail

ADDRESS = re.compile(r"[^\s@<>,;\"]+@[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    partial: bool = False
    """Whether some of a batch are to be refused (a fault that was asked for)."""

    def json(self) -> Any:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Bad(400, {"errors": [{"message": f"not JSON: {error}"}]}) from error


@dataclass(frozen=True, slots=True)
class Reply:
    """The platform's answer, and the mails that it took."""

    status: int
    body: Any = None
    mails: Sequence[Mail] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


class Bad(Exception):
    """The platform refuses the request as it is."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.reply = Reply(status, body)


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened to a mail, for the platform to tell in its own words."""

    mail: Mail
    kind: Kind
    event_id: str
    at: float


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook request, signed as the platform signs."""

    headers: dict[str, str]
    body: bytes


Handler = Callable[[Ask, "Desk"], Reply]


@dataclass(frozen=True, slots=True)
class Play:
    """One platform. ``routes``: (method, pattern of the whole path) → handler."""

    name: str
    routes: tuple[tuple[str, str, Handler], ...]
    hooks: Callable[[Sequence[Told], str, float], list[Hook]] | None = None
    """(what happened, the URL it is told to, now in Unix seconds) → requests."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Credential → what an adapter must be given to believe the stub's webhooks."""


class Desk:
    """What a platform remembers between requests: idempotency keys and a counter for ids."""

    def __init__(self) -> None:
        self.remembered: dict[str, tuple[bytes, Reply]] = {}
        self._count = 0

    def next_id(self, prefix: str = "stub") -> str:
        self._count += 1
        return f"{prefix}-{self._count:08d}"


def need(condition: bool, status: int, body: Any) -> None:
    """Raises Bad with the platform's own error document unless the condition holds."""
    if not condition:
        raise Bad(status, body)


def mailbox(text: str) -> tuple[str, str]:
    """Address and name of an RFC 5322 mailbox, encoded words read. ValueError: it is not exactly one."""
    if any(ord(c) < 32 for c in text):
        raise ValueError(text)
    header = email.policy.default.header_factory("To", text)
    boxes: tuple[Any, ...] = getattr(header, "addresses", ())
    if len(boxes) != 1 or header.defects or not ADDRESS.fullmatch(boxes[0].addr_spec):
        raise ValueError(text)
    return boxes[0].addr_spec, boxes[0].display_name


def basic(password: str) -> str:
    """The Authorization header of ``user:password``."""
    return "Basic " + base64.b64encode(password.encode()).decode()


def secret(name: str) -> str:
    """The stub's own secret of that name: no real credential is ever needed against it."""
    return "stub-" + hashlib.sha256(name.encode()).hexdigest()[:24]


def once(value: str, what: str, error: Callable[[str], Any]) -> str:
    """One line without control characters, as every platform asks of a header or a subject."""
    need(
        isinstance(value, str) and not re.search(r"[\x00-\x08\x0a-\x1f]", value),
        400,
        error(f"{what}: {value!r}"),
    )
    return value
