"""``delivery`` of ``mailwright.yaml``: how fast mails leave, and who may not be mailed just now."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, field_validator

from mailwright.model.campaign import ADDRESS
from mailwright.model.spec import Spec
from mailwright.model.trigger import QuietSpec


class FrequencyCap(Spec):
    """At most ``count`` mails to one profile within ``days``, of all campaigns and triggers together."""

    count: int = Field(ge=1)
    days: float = Field(gt=0)


class WarmUpSpec(Spec):
    """A new sender's pace: mails an hour on its first day, its second …; after the last, no limit."""

    started_at: datetime
    per_hour: tuple[int, ...] = Field(min_length=1)

    @field_validator("per_hour")
    @classmethod
    def _some(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < 1:
            raise ValueError("at least one mail an hour")
        return value

    @field_validator("started_at")
    @classmethod
    def _with_a_zone(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone: write it as 2026-11-20T09:00:00Z")
        return value


class DeliverySpec(Spec):
    """Asked at the moment of sending, of campaigns and triggers alike (docs/sending.md)."""

    group: bool = True
    """Whether recipients share calls where the ESP can."""
    concurrency: int = Field(default=32, ge=1, le=512)
    """Calls under way at once."""
    max_per_s: float | None = Field(default=None, gt=0)
    """Calls a second at most; the ESP's own limits may lower it."""
    max_in_call: int | None = Field(default=None, ge=1)
    """Most mails in one call: fewer are then unknown together."""
    max_errors: int | None = Field(default=None, ge=1)
    """Rejected and unknown mails of one campaign in one run, after which it is paused."""
    patience_minutes: float = Field(default=5, gt=0)
    """How long the ESP may take no call at all before the sending ends, everything kept."""
    wait_hours: float = Field(default=0, ge=0)
    """How long ``send`` waits for mails that must go later (quiet hours, warm-up) before it ends."""
    caps: tuple[FrequencyCap, ...] = ()
    quiet_hours: QuietSpec | None = None
    """No mail between ``start`` and ``end`` of the recipient's own day; it waits until ``end``."""
    warm_up: WarmUpSpec | None = None
    seeds: tuple[str, ...] = ()
    """Addresses that get a copy of every campaign: what arrives there, arrives everywhere."""

    @field_validator("seeds")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is no e-mail address")
        return value
