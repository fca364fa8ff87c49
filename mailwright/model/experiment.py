"""Experiments and holdouts: who is shown what, or nothing, so that its effect can be measured.

Everything here answers for one profile and reads no clock and no state: preview, batch and trigger get the
same arm because they ask the same hash. ``measure`` answers the same for whole columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, time
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from mailwright.model.identity import bucket, fingerprint
from mailwright.model.spec import Spec

if TYPE_CHECKING:
    from mailwright.model.campaign import CampaignSpec

Metric = Literal[
    "delivered", "bounced", "opened", "clicked", "unsubscribed", "complained", "converted", "revenue"
]
"""What an experiment is judged by: the share of profiles to whom it happened, or money per profile."""

LOWER_IS_BETTER: frozenset[str] = frozenset({"bounced", "unsubscribed", "complained"})

_EXACT = 1e-9
"""How far shares may be from adding up to 1: no more than decimal fractions are from binary ones."""


class ArmSpec(Spec):
    """One arm: its share of the profiles, and what it changes in the campaign. Nothing changed: a control.

    A block takes part by its own front matter: ``experiment: {name: hero, arm: big}``.
    """

    share: float | None = Field(default=None, gt=0, le=1)
    """Of the enrolled profiles. Left out in all arms: equal shares."""
    template: str | None = None
    subject: str | None = None
    preheader: str | None = None
    strategy: str | None = None
    """The recommendation strategy."""
    send_at: time | None = None
    """The time of day, in the profile's time zone, before which the mail waits."""
    values: dict[str, Any] = Field(default_factory=dict)
    """Laid over the campaign's ``values``: an offer, a discount, a code."""

    @property
    def changes(self) -> frozenset[str]:
        """What this arm sets, by name; constants as ``values.<name>``."""
        own = {name for name in _CHANGEABLE if getattr(self, name) is not None}
        return frozenset(own | {f"values.{name}" for name in self.values})


_CHANGEABLE = ("template", "subject", "preheader", "strategy", "send_at")


class LayerSlice(Spec):
    """The part of a layer that an experiment has for itself: profiles whose number is in [start, end).

    Experiments in one layer never meet in one profile, because their slices may not overlap; experiments
    in different layers, or in none, are crossed (a factorial design).
    """

    name: str
    start: float = Field(default=0, ge=0, lt=1)
    end: float = Field(default=1, gt=0, le=1)

    @model_validator(mode="after")
    def _is_not_empty(self) -> LayerSlice:
        if self.start >= self.end:
            raise ValueError(f"the slice from {self.start:g} to {self.end:g} is empty")
        return self


class RampStep(Spec):
    """From ``at`` on, this share of the profiles takes part."""

    at: datetime
    share: float = Field(ge=0, le=1)


class WinnerRule(Spec):
    """When an arm goes to the rest of the audience: as soon as the sequential test says so, not before."""

    min_profiles: int = Field(default=1000, ge=1)
    """In each arm."""
    min_hours: float = Field(default=24, ge=0)
    """Since the experiment's first mail."""
    rest: Literal["as_written", "waits"] = "as_written"
    """What those who are not enrolled get before there is a winner: the campaign as it is written, or
    nothing yet (``SkipReason.AWAITING_WINNER``), so that the next send gives them the winner."""
    at_most_hours: float | None = Field(default=None, gt=0)
    """After so many hours from the ramp's first step without a winner, the rest wait no longer and get the
    campaign as it is written. None: they wait."""


class ExperimentSpec(Spec):
    """Arms in stated shares. A change of the arms, shares or layer makes a new version (``version_of``)."""

    arms: dict[str, ArmSpec] = Field(min_length=2)
    control: str | None = None
    """What the others are compared with. None: the first arm."""
    metric: Metric = "clicked"
    minimum_effect: float = Field(default=0.1, gt=0)
    """The smallest change worth knowing of, relative: 0.1 is from 5.0 % to 5.5 %."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    power: float = Field(default=0.8, gt=0, lt=1)
    horizon: int = Field(default=20_000, ge=100)
    """Profiles at which the sequential interval is tightest. Say it before the start, not after a look."""
    layer: LayerSlice | None = None
    ramp: tuple[RampStep, ...] = ()
    """Steps in which the experiment grows. None: everyone at once."""
    winner: WinnerRule | None = None
    """None: no arm is promoted, whatever the outcome."""
    description: str = ""

    @model_validator(mode="after")
    def _arms_add_up(self) -> ExperimentSpec:
        shares = [arm.share for arm in self.arms.values() if arm.share is not None]
        if shares and len(shares) < len(self.arms):
            raise ValueError("either every arm has a share, or none has (then they are equal)")
        if shares and abs(sum(shares) - 1) > _EXACT:
            raise ValueError(f"the arms' shares add up to {sum(shares):g}, not to 1")
        if self.control is not None and self.control not in self.arms:
            raise ValueError(f"control: there is no arm {self.control!r} among {', '.join(self.arms)}")
        if any(step.at.tzinfo is None for step in self.ramp):
            raise ValueError("ramp: say the time zone of each step (2026-11-20T09:00:00Z)")
        if self.rest_waits and not self.ramp:
            raise ValueError("winner: `rest: waits` needs a `ramp` whose share leaves somebody who waits")
        for before, after in pairwise(self.ramp):
            if after.at <= before.at or after.share < before.share:
                raise ValueError("ramp: each step must be later than the one before, and not smaller")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Arm → its share of the enrolled profiles."""
        equal = 1 / len(self.arms)
        return {name: arm.share if arm.share is not None else equal for name, arm in self.arms.items()}

    @property
    def rest_waits(self) -> bool:
        """Whether those who are not enrolled wait for a winner."""
        return self.winner is not None and self.winner.rest == "waits"

    @property
    def baseline(self) -> str:
        """The name of the control arm."""
        return self.control if self.control is not None else next(iter(self.arms))

    def enrolled_share(self, now: datetime) -> float:
        """The share of the profiles (of the layer's slice) that takes part at ``now``."""
        if not self.ramp:
            return 1.0
        return max((step.share for step in self.ramp if step.at <= now), default=0.0)


class HoldoutSpec(Spec):
    """The share of profiles that get no mail, so that the others can be compared with them."""

    share: float = Field(gt=0, lt=1)
    name: str = "1"
    """Part of the hash: a new name draws a new group (a new quarter, say)."""


def version_of(name: str, spec: ExperimentSpec, content: str = "") -> str:
    """Eight hex digits that change when what the arms mean changes: their shares, settings, or layer.

    ``content`` is a fingerprint of what the arms show besides (their blocks). How it is judged, ramped up
    and described is no part of the version: that changes no profile's arm.
    """
    layer = spec.layer.model_dump() if spec.layer else None
    arms = [[arm, spec.shares[arm], body.model_dump(mode="json")] for arm, body in spec.arms.items()]
    return fingerprint("experiment", name, arms, layer, content)[:8]


def arm_of(
    name: str, spec: ExperimentSpec, profile_id: str, *, now: datetime, content: str = ""
) -> str | None:
    """The arm of one profile; None when it takes no part (outside the layer's slice, or not yet ramped).

    Three independent buckets decide layer, enrolment and arm, so a ramp that grows moves nobody from one
    arm to another, and an arm says nothing of who was enrolled first.
    """
    salts = Salts.of(name, spec, content)
    if spec.layer is not None:
        place = bucket(salts.layer, profile_id)
        if not spec.layer.start <= place < spec.layer.end:
            return None
    if bucket(salts.ramp, profile_id) >= spec.enrolled_share(now):
        return None
    place = bucket(salts.arm, profile_id)
    for arm, end in arm_ends(spec):
        if place < end:
            return arm
    raise AssertionError("the last arm ends at 1, which no bucket reaches")


class Salts(Spec):
    """What is hashed with the profile's id for each of the three questions."""

    layer: str
    ramp: str
    arm: str

    @classmethod
    def of(cls, name: str, spec: ExperimentSpec, content: str = "") -> Salts:
        versioned = f"experiment:{name}@{version_of(name, spec, content)}"
        layer = f"layer:{spec.layer.name}" if spec.layer else ""
        return cls(layer=layer, ramp=f"{versioned}:ramp", arm=versioned)


def arm_ends(spec: ExperimentSpec) -> list[tuple[str, float]]:
    """Arm, and the end of its part of [0, 1), in declared order; the last one is exactly 1."""
    ends, total = [], 0.0
    for arm, share in spec.shares.items():
        total += share
        ends.append((arm, total))
    return [*ends[:-1], (ends[-1][0], 1.0)]


def holdout_salt(spec: HoldoutSpec, scope: str) -> str:
    """``scope`` is ``global``, ``campaign:<name>`` or ``trigger:<name>``: their groups are independent."""
    return f"holdout:{scope}:{spec.name}"


def is_held_out(spec: HoldoutSpec | None, scope: str, profile_id: str) -> bool:
    """Whether a profile is held back on purpose; the skip reason is then ``SkipReason.HOLDOUT``."""
    return spec is not None and bucket(holdout_salt(spec, scope), profile_id) < spec.share


def declared_by_blocks(arms: Mapping[str, float | None]) -> ExperimentSpec:
    """The experiment that blocks declare by naming it: arm → its share, where a block says one.

    One arm alone is compared with a ``control``, which is shown the blocks that it would be shown anyway.
    Raises ValueError for shares that do not fit.
    """
    shares = dict(arms)
    if len(shares) == 1:
        ((arm, share),) = shares.items()
        shares = {"control": None if share is None else 1 - share, arm: share}
    return ExperimentSpec(arms={name: ArmSpec(share=share) for name, share in shares.items()})


def conflicts(
    experiments: Mapping[str, ExperimentSpec], also: Mapping[str, AbstractSet[str]] | None = None
) -> list[str]:
    """What stops these experiments from running together, one sentence each; empty when nothing does.

    Two experiments may not share a part of a layer; and two that are crossed may not change the same
    thing, for then one would silently undo the other. ``also`` is what each changes beside its settings.
    """
    also = also or {}
    found = []
    for (one, a), (other, b) in combinations(experiments.items(), 2):
        if a.layer and b.layer and a.layer.name == b.layer.name:
            if max(a.layer.start, b.layer.start) < min(a.layer.end, b.layer.end):
                found.append(f"{one!r} and {other!r} overlap in the layer {a.layer.name!r}")
            continue
        both = (_changed(a) | also.get(one, set())) & (_changed(b) | also.get(other, set()))
        if both:
            what = ", ".join(sorted(both))
            found.append(f"{one!r} and {other!r} both change {what}: put them into one layer")
    return found


def apply_arms(
    campaign: CampaignSpec, experiments: Mapping[str, ExperimentSpec], arms: Mapping[str, str]
) -> CampaignSpec:
    """The campaign as the given arms (experiment → arm) show it; ``send_at`` is left to whoever schedules."""
    for name, arm in arms.items():
        body = experiments[name].arms[arm]
        update: dict[str, Any] = {
            field: getattr(body, field)
            for field in ("template", "subject", "preheader")
            if getattr(body, field) is not None
        }
        if body.strategy is not None:
            update["recommendations"] = campaign.recommendations.model_copy(
                update={"strategy": body.strategy}
            )
        if body.values:
            update["values"] = {**campaign.values, **body.values}
        campaign = campaign.model_copy(update=update)
    return campaign


def _changed(spec: ExperimentSpec) -> set[str]:
    return {change for arm in spec.arms.values() for change in arm.changes}
