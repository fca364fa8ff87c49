"""A message: one mail for one recipient, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum


class SkipReason(StrEnum):
    """Why a profile gets no mail. The first that applies, in this order, is the one recorded."""

    NOT_IN_AUDIENCE = "not_in_audience"
    """The campaign's audience rule does not hold."""
    NO_ADDRESS = "no_address"
    INVALID_ADDRESS = "invalid_address"
    UNSUBSCRIBED = "unsubscribed"
    NO_CONSENT = "no_consent"
    """The campaign's purpose is not among those that the profile agreed to."""
    DUPLICATE_ADDRESS = "duplicate_address"
    """Another profile stands for this address: it gets the mail, or is held out for all of them."""
    HOLDOUT = "holdout"
    """Held back on purpose, so that the campaign's effect can be measured."""
    AWAITING_WINNER = "awaiting_winner"
    """Takes no part in an experiment whose winner the rest of the audience waits for."""
    NO_BLOCK = "no_block"
    """A slot that must not be empty had no block left."""
    ABORTED = "aborted"
    """The template called ``abort("…")``."""
    RENDER_FAILED = "render_failed"
    """The mail could not be made, or would have been broken."""
    SUPPRESSED = "suppressed"
    """On the suppression list: bounced, complained, or removed by hand."""
    CAPPED = "capped"
    """Has had as many mails, of all campaigns together, as the frequency caps allow."""
    STOPPED = "stopped"
    """An operator stopped the campaign, or its window closed, before the mail's turn came."""


class Status(StrEnum):
    """Where a message stands. The first five are the outbox's, the others come from the ESP's webhooks."""

    PENDING = "pending"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """The call left and no answer came: it may have been accepted."""
    SKIPPED = "skipped"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: the address and the name shown beside it, both as people write them (Unicode)."""

    email: str
    name: str = ""


Holes = tuple[str | int, ...]
"""Constant text, and between it the numbers of the leaves that go there."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What the mails of one variant share: constant text with holes, which each message's ``leaves`` fill.

    Leaves are written as they stand in the finished mail: escaped where the HTML needs it, plain in text,
    subject and headers. One hole may occur many times.
    """

    fingerprint: str
    html: Holes
    text: Holes
    subject: Holes
    headers: Mapping[str, Holes] = field(default_factory=dict)

    @staticmethod
    def fill(holes: Holes, leaves: Sequence[str]) -> str:
        return "".join(leaves[part] if isinstance(part, int) else part for part in holes)


@dataclass(frozen=True, slots=True)
class Message:
    """One mail, ready for any ESP.

    ``message_id`` is made of campaign, profile and occasion and never of the content (see
    ``identity.message_id``): a mail rendered again is the same mail. ``html`` is ASCII with character
    references; ``text`` is Unicode with ``\\n`` line ends. ``headers`` holds what goes beside From, To and
    Subject (List-Unsubscribe …), never a line break.
    """

    message_id: str
    profile_id: str
    campaign: str
    occasion: str
    sender: Address
    to: Address
    subject: str
    preheader: str
    html: bytes
    text: str
    reply_to: Address | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    """Names the combination of blocks; messages of one variant differ in leaf values only."""
    trace: bytes = b""
    """The compact trace, JSON."""
    timezone: str = ""
    """The recipient's, as an IANA name; empty when unknown. Quiet hours are reckoned in it."""
    not_before: datetime | None = None
    """The moment before which it waits; None: it may go at once."""
    not_after: datetime | None = None
    """The end of its window: when it has not left by then, it never will."""
    send_at: time | None = None
    """The time of the recipient's own day before which the mail waits; None: it need not."""
    once_per_mailbox: bool = True
    """Whether it stays away when another profile's mail of this campaign and occasion went to its address.
    Not so for what a profile did itself (triggers), tests and seeds."""
    skeleton: Skeleton | None = None
    """With ``leaves``: the same mail as body and values, for ESPs that take many recipients in one call."""
    leaves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an ESP answered for one message. ``esp_id`` is the ESP's own id, when it gave one."""

    message_id: str
    status: Status
    esp_id: str | None = None
    detail: str = ""
