"""A campaign: which mail goes to whom, when, and what must hold before it goes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, field_validator

from mailwright.model.experiment import ExperimentSpec, HoldoutSpec
from mailwright.model.spec import RuleText, Spec
from mailwright.model.tracking import LinkSpec

ADDRESS = re.compile(r"[^@\s<>,;:]+@[^@\s<>,;:]+\.[^@\s<>,;:.]+")
"""What a sender's address looks like at least; the adapter checks it to the letter."""


class Sender(Spec):
    """Who the mail is from."""

    name: str
    email: str
    reply_to: str | None = None

    @field_validator("name", "email", "reply_to")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and any(not character.isprintable() for character in value):
            raise ValueError("a line break or control character cannot stand in a mail's header")
        return value

    @field_validator("email", "reply_to")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is not None and not ADDRESS.fullmatch(value):
            raise ValueError(f"{value!r} is no e-mail address")
        return value


class Gates(Spec):
    """What must hold of the whole audience before anything is sent. None: not asked."""

    max_fallback_rate: float | None = Field(default=None, ge=0, le=1)
    """Share of rendered mails in which any slot shows a block that needs nothing though another was meant."""
    max_skipped: float | None = Field(default=None, ge=0, le=1)
    """Share of the eligible profiles that get no mail, whatever the reason."""
    max_size_kb: float | None = Field(default=None, gt=0)
    """Bytes of HTML of the largest mail, over 1024. Gmail clips at 102."""
    min_coverage: float | None = Field(default=None, ge=0, le=1)
    """Share of the campaign's blocks that at least one recipient gets."""
    min_recipients: int | None = Field(default=None, ge=0)
    max_recipients: int | None = Field(default=None, ge=0)


class Schedule(Spec):
    """When the campaign may go out. Outside of it, ``send`` refuses."""

    not_before: datetime | None = None
    not_after: datetime | None = None

    @field_validator("not_before", "not_after")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        """UTC unless it says otherwise."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class CampaignRecommendations(Spec):
    """How many items each mail is given, and how few will not do."""

    n: int = Field(default=6, ge=0, le=100)
    strategy: str = "for_you"


class CampaignSpec(Spec):
    """One file of ``campaigns/``; its name is the file's, without the ending.

    ``audience`` is a rule; profiles for whom it does not hold are no recipients. ``purpose`` names the
    consent that a recipient must have given. ``occasion`` is what makes two sends of one campaign two
    mails and not one: a profile gets a campaign once per occasion.
    """

    template: str
    subject: str
    preheader: str = ""
    audience: RuleText = "TRUE"
    sender: Sender | None = None
    purpose: str | None = None
    locale: str | None = None
    occasion: str = "once"
    schedule: Schedule = Schedule()
    gates: Gates = Gates()
    recommendations: CampaignRecommendations = CampaignRecommendations()
    values: dict[str, Any] = Field(default_factory=dict)
    """Constants of this campaign, read in templates as ``campaign.values.…``."""
    experiments: dict[str, ExperimentSpec] = Field(default_factory=dict)
    links: LinkSpec | None = None
    """Laid over the workspace's."""
    holdout: HoldoutSpec | None = None
    """Of those who would get this campaign, the share that does not."""
