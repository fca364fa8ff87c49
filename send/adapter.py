"""The protocol that every adapter keeps, and what it declares of its ESP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from mailwright.errors import SendError
from mailwright.model.message import Message, Receipt
from send.event import Event, WebhookRequest
from send.grouping import Syntax

MB = 1_000_000
REQUIRED: Any = "(required)"
"""The default of an option that must be given."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one ESP takes, and what it gives up. Sources of the limits stand in the adapter's docstring.

    ``shape``: A takes distinct bodies in one call; B takes our HTML, one body per call; C has the template
    on the platform, and our HTML goes into one of its properties.
    """

    shape: Literal["A", "B", "C"]
    max_messages: int = 1
    """Most mails with a body of their own in one call."""
    max_bytes: int = 20 * MB
    """Most bytes of one call's body."""
    max_message_bytes: int | None = None
    """Most bytes of one mail's part of a call."""
    max_grouped: int = 0
    """Most recipients of one shared body with values; 0: cannot."""
    max_values_bytes: int | None = None
    """Most bytes of one recipient's values in a grouped call."""
    grouped_headers: bool = True
    """Whether a grouped call carries headers (List-Unsubscribe) per recipient."""
    key_life: timedelta | None = None
    """How long the ESP remembers an idempotency key; None: it knows none."""
    headers: bool = True
    """Whether headers of our own can be set at all."""
    list_unsubscribe: bool = True
    """Whether a List-Unsubscribe of our own reaches the mail."""
    smtputf8: bool = False
    """Whether addresses with a Unicode local part are taken (RFC 6531)."""
    syntax: Syntax | None = None
    """How a grouped call writes the place of a value."""
    correlates: bool = True
    """Whether webhooks carry our own message id, so that an unknown call can be resolved by them."""
    live_syntax: tuple[str, ...] = ()
    """What the platform would evaluate in a body and cannot be told not to."""
    webhooks: Literal["signed", "shared secret", "none"] = "none"
    refused_statuses: frozenset[int] = frozenset({429, 503})
    """HTTP statuses by which the ESP says that it has *not* taken the call, so that it may be tried again."""
    gives_up: str = ""
    """One sentence for the feature matrix."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The exact request, credentials aside."""

    endpoint: str
    """Path below the base URL."""
    content: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """One call to an ESP: who is in it, its key, its payload. Committed before it leaves."""

    call_id: str
    key: str
    payload: Payload
    message_ids: tuple[str, ...]
    addresses: tuple[str, ...]
    """The recipient of each, in the same order."""
    campaign: str = ""
    occasion: str = ""
    attempts: int = 0
    """Tries before this one."""
    maybe_taken: bool = False
    """Whether one of those may have been taken."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an adapter is made of: where it points, its secrets and its options."""

    base_url: str
    secrets: Mapping[str, SecretStr]
    options: Mapping[str, Any] = field(default_factory=dict)
    root: Path = Path()

    def secret(self, name: str) -> str:
        return self.secrets[name].get_secret_value()


class Adapter(Protocol):
    """One ESP, both directions.

    A message becomes a *part* when it is recorded; parts become the payload of a call when their turn
    comes. Both are pure functions of their arguments, so that a retry, in any process, sends the same bytes.
    """

    name: str
    capabilities: Capabilities

    def part(self, message: Message) -> bytes:
        """One mail that shares nothing. SendError: it can never be taken."""

    def shared(self, message: Message) -> bytes:
        """The body that all messages of this one's skeleton share."""

    def member(self, message: Message) -> bytes:
        """What is this recipient's own in a grouped call."""

    def assemble(self, shared: bytes | None, parts: Sequence[bytes]) -> Payload:
        """The request of one call."""

    async def send(self, call: Call) -> tuple[Receipt, ...]:
        """One receipt a message. Raises TryLater, Refused, Halted, or NoAnswer when nobody can know."""

    def webhook(self, request: WebhookRequest) -> list[Event]:
        """The verified events of one webhook request. BadSignature: it is not from the ESP."""

    async def aclose(self) -> None: ...


class TryLater(SendError):
    """The ESP has not taken the call and may take it later. ``throttled``: for our pace, not for the call."""

    def __init__(self, what: str, *, after_s: float | None = None, throttled: bool = False) -> None:
        super().__init__(what)
        self.after_s = after_s
        self.throttled = throttled


class Refused(SendError):
    """The ESP has looked at the call and will never take it as it is."""


class Halted(SendError):
    """The ESP refuses us, not this call (credentials, a blocked account): no call will fare better."""


class NoAnswer(SendError):
    """The call left and nobody here knows whether it was taken."""
