"""A trigger: something happens to a profile, and at the right moment it leads to a mail."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from mailwright.model.experiment import ExperimentSpec, HoldoutSpec
from mailwright.model.spec import RuleText, Spec

STARTS = (
    "event", "segment_entered", "segment_left", "schedule", "inactivity", "date", "price_drop",
    "back_in_stock", "new_recommendations",
)  # fmt: skip


class OnSpec(Spec):
    """What starts a trigger: exactly one of the first nine. ``on: product_added`` is short for ``event``."""

    event: str | None = None
    segment_entered: str | None = None
    segment_left: str | None = None
    schedule: str | None = None
    """Five fields of cron, in the workspace's time zone: everyone for whom ``when`` holds then."""
    inactivity: str | None = None
    """A duration since the profile's last event of any kind but what mails themselves report."""
    date: str | None = None
    """An attribute that is a date or an instant: a birthday, the end of a subscription."""
    price_drop: float | None = Field(default=None, ge=0, lt=100)
    """An item that the profile has seen costs less than it did, by this many per cent at least."""
    back_in_stock: Literal["seen"] | None = None
    """An item that the profile has seen can be had again."""
    new_recommendations: int | None = Field(default=None, ge=1)
    """Of the first ten items recommended to the profile this many at least are new, since last looked at."""
    where: RuleText | None = None
    """Of an event: a rule over the event's own fields, such as ``category = 'shoes'``."""
    at: time = time(9)
    """Of a date: the hour of the profile's own day."""
    before: str | None = None
    """Of a date: this long before it, in whole days."""
    seen: str = "90 days"
    """Of ``price_drop`` and ``back_in_stock``: how long ago the item may have been viewed or put into the
    basket. What was bought since then is not looked at."""
    every: Literal["year", "once"] = "year"
    """Of a date: whether it comes back."""

    @model_validator(mode="after")
    def _starts_once(self) -> OnSpec:
        given = [name for name in STARTS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"one of {', '.join(STARTS)} starts a trigger; here are {len(given)}")
        if self.where is not None and self.event is None:
            raise ValueError("`where` asks for fields of an event; use `when` for the profile")
        return self

    @property
    def kind(self) -> str:
        """Which of the nine it is."""
        return next(name for name in STARTS if getattr(self, name) is not None)

    def __str__(self) -> str:
        where = f" where {self.where}" if self.where is not None else ""
        return f"{self.kind.replace('_', ' ')} {getattr(self, self.kind)}{where}"


def _form(value: Any) -> str:
    return "name" if isinstance(value, str) else "on"


class Step(Spec):
    """One step of a journey: exactly one of ``mail``, ``wait``, ``set``, ``end``, or ``if`` with ``then`` and
    ``else``."""

    mail: str | None = None
    """A campaign."""
    wait: str | None = None
    set: dict[str, Any] | None = None
    """Attributes of the profile that are given these values."""
    condition: RuleText | None = Field(default=None, alias="if")
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = Field(default=(), alias="else")
    end: bool = False

    @model_validator(mode="after")
    def _is_one_step(self) -> Step:
        given = [self.mail, self.wait, self.set, self.condition]
        if sum(part is not None for part in given) + self.end != 1:
            raise ValueError("a step is one of mail, wait, set, if, end")
        if (self.then or self.otherwise) and self.condition is None:
            raise ValueError("`then` and `else` belong to an `if`")
        return self


class CapSpec(Spec):
    """At most ``count`` mails to one profile in any stretch of ``per``."""

    count: int = Field(default=1, ge=1)
    per: str
    across: bool = False
    """Whether the mails of all triggers count, and not this one's alone."""


class QuietSpec(Spec):
    """No mail between ``start`` and ``end`` of the profile's own day; it waits until ``end``."""

    start: time = time(21)
    end: time = time(8)


class TriggerSpec(Spec):
    """One file of ``triggers/``: when ``on`` happens and ``when`` holds, wait, and send ``campaign``.

    An event of ``unless`` cancels it while it waits, and ``when`` must hold again at the moment of sending.
    Instead of one campaign there may be ``steps``. docs/triggers.md tells all of it with examples.
    """

    on: Annotated[
        Annotated[str, Tag("name")] | Annotated[OnSpec, Tag("on")],
        Discriminator(_form),
    ]
    campaign: str | None = None
    steps: tuple[Step, ...] = ()
    when: RuleText = "TRUE"
    wait: str = "0 minutes"
    """``30 minutes``, ``until 09:00``, ``1 day until 09:00``, ``until preferred hour``."""
    unless: tuple[str, ...] = ()
    goal: tuple[str, ...] = ()
    """Events that end the journey because it has reached what it was for; like ``unless``, but success."""
    again: Literal["restart", "keep", "each"] = "restart"
    """What a new beginning does while one of this trigger still waits for the same profile: it starts the
    wait afresh, is passed over, or waits on its own."""
    once_per: str | None = None
    """What makes the occasion, of which each has at most one mail: an attribute (``cart.updated_at``), a
    field of the event (``event.order_id``), ``ever``, or a duration since the last one was begun. None: each
    event is an occasion."""
    cap: tuple[CapSpec, ...] = ()
    quiet_hours: QuietSpec | None = None
    priority: int = 0
    """Of several triggers due at once the highest comes first; the others meet the caps after it."""
    skip_after: str | None = None
    """A mail this long after its moment (the server was down) is not sent any more. None: sent late."""
    enabled: bool = True
    description: str = Field(default="")
    experiments: dict[str, ExperimentSpec] = Field(default_factory=dict)
    """Beside those of the campaign."""
    holdout: HoldoutSpec | None = None

    @model_validator(mode="after")
    def _sends_something(self) -> TriggerSpec:
        if (self.campaign is None) == (not self.steps):
            raise ValueError("either `campaign` or `steps` says what is sent")
        return self

    @property
    def start(self) -> OnSpec:
        """``on``, its short form written out."""
        return OnSpec(event=self.on) if isinstance(self.on, str) else self.on

    @property
    def campaigns(self) -> tuple[str, ...]:
        """All that may be sent, in the order of the file."""
        return (self.campaign,) if self.campaign is not None else tuple(_mails(self.steps))


def _mails(steps: tuple[Step, ...]) -> list[str]:
    found: list[str] = []
    for step in steps:
        found += [step.mail] if step.mail is not None else []
        found += _mails(step.then) + _mails(step.otherwise)
    return list(dict.fromkeys(found))
