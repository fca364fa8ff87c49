"""What comes back from an ESP: one vocabulary of events, whatever the platform calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailwright.errors import SendError


class Kind(StrEnum):
    """What happened (django-anymail's vocabulary)."""

    QUEUED = "queued"  # the ESP has taken it and will try
    SENT = "sent"  # it left the ESP
    REJECTED = "rejected"  # the ESP will not send it: suppressed, invalid, policy
    FAILED = "failed"  # the ESP could not make the mail
    BOUNCED = "bounced"  # the recipient's server refused it for good
    DEFERRED = "deferred"  # the recipient's server said later; the ESP keeps trying
    DELIVERED = "delivered"  # the recipient's server took it
    AUTORESPONDED = "autoresponded"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"  # marked as spam
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    UNKNOWN = "unknown"  # a kind that this adapter does not know


class RejectReason(StrEnum):
    """Why a mail was rejected or bounced."""

    INVALID = "invalid"
    BOUNCED = "bounced"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    SPAM = "spam"
    UNSUBSCRIBED = "unsubscribed"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one mail. ``at`` is in Unix seconds; ``event_id`` deduplicates."""

    esp: str
    event_id: str
    kind: Kind
    at: float
    message_id: str | None = None
    """Ours, when the ESP gave it back."""
    esp_id: str | None = None
    address: str | None = None
    reason: RejectReason | None = None
    detail: str = ""
    url: str | None = None
    machine: bool = False
    """Of an open or click: the ESP says that a program did it (a privacy proxy, a link scanner)."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """An HTTP request as it came: the raw body, lower-case header names, the URL as the ESP called it."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    now: float
    """Unix seconds, for the replay window."""


class BadSignature(SendError):
    """A webhook request that the ESP did not sign, or that is too old."""
