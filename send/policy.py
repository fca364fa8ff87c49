"""What an operator may ask of a delivery: pace, patience, caps, quiet hours, warm-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``count`` mails of all campaigns to one profile within ``days``."""

    count: int
    days: float


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No mail between ``start`` and ``end`` of the recipient's own day; it waits until ``end``."""

    start: time = time(21)
    end: time = time(8)
    timezone: str = "UTC"
    """For recipients whose own is unknown."""

    def until(self, now: datetime, timezone: str) -> datetime | None:
        """When the quiet that ``now`` falls into ends, or None when it is not quiet."""
        local = now.astimezone(zone_of(timezone) or zone_of(self.timezone) or ZoneInfo("UTC"))
        at = local.time()
        over_midnight = self.start > self.end
        quiet = at >= self.start or at < self.end if over_midnight else self.start <= at < self.end
        if not quiet:
            return None
        end = local.replace(hour=self.end.hour, minute=self.end.minute, second=0, microsecond=0)
        return end if end > local else end + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A new sender's pace: mails an hour on its first day, its second …; after the last day, no limit."""

    per_hour: tuple[int, ...]
    started_at: datetime

    def limit(self, now: datetime) -> int | None:
        day = (now - self.started_at).days
        return self.per_hour[day] if 0 <= day < len(self.per_hour) else None


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How one delivery goes. The defaults suit a campaign of any size."""

    concurrency: int = 32
    """Calls under way at once."""
    max_per_s: float | None = None
    """Calls a second at most; the ESP's own limit headers may lower it."""
    max_in_call: int | None = None
    """Most messages in one call, below the ESP's own limit: fewer are then unknown together."""
    group: bool = True
    """Whether recipients of one variant share a call where the ESP can and the mail loses nothing."""
    call_timeout_s: float = 60.0
    """Longest that one call may take, answer and all; then nobody knows what became of it."""
    max_attempts: int = 8
    """Tries of one call that the ESP says it has not taken."""
    backoff_s: float = 0.5
    """The first wait; it doubles, and each wait is drawn from [0, that) (full jitter)."""
    max_backoff_s: float = 60.0
    breaker_after: int = 8
    """Failures in a row after which only one call at a time probes, after a pause."""
    breaker_pause_s: float = 2.0
    patience_s: float = 300.0
    """How long the ESP may take no call at all before the delivery ends, everything kept."""
    wait_s: float = 0.0
    """How long to wait for mails that must go later (quiet hours, warm-up) before ending."""
    max_errors: int | None = None
    """Rejected and unknown mails of one campaign in this run, after which it is paused."""
    purpose: str | None = None
    """The consent that these mails need; a profile's own preference page may have withdrawn it."""
    caps: tuple[Cap, ...] = ()
    quiet_hours: QuietHours | None = None
    warm_up: WarmUp | None = None
    holdout: Callable[[str, str], bool] | None = None
    """Whether a campaign holds a profile id back, as it is asked for at the moment of sending."""
    ahead: int = 20_000
    """Messages recorded ahead of the sending before the producer waits."""
    seed: int | None = None
    """Of the jitter; None: a different one every run."""


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of an IANA name; None for none, and for a name that there is not."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
