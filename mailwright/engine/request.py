"""One campaign, for one occasion, at one moment: what every stage is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from mailwright.experiments import (
    Promoted,
)
from mailwright.model.campaign import CampaignSpec
from mailwright.model.links import LinkSigner
from mailwright.model.trigger import TriggerSpec
from mailwright.model.yamltext import Located
from mailwright.workspace import Workspace

SHIPPED = Path(__file__).resolve().parents[2]
"""Where the shipped ``blocks/`` and ``templates/`` stand."""


LAST_GOOD = "last-good"
"""Where the last good data is kept, below the workspace's state."""


FEEDBACK = "feedback/interactions.parquet"
"""What mails and live events brought back, below the workspace's state (``mailwright.feedback`` makes it)."""


DEVELOPMENT_SECRET = b"not a secret: links signed with it are for looking at"
"""Signs links while the workspace's own secret is not set."""


@dataclass(frozen=True)
class Request:
    """One campaign, for one occasion, at one moment."""

    workspace: Workspace
    campaign: str
    now: datetime
    seed: int
    occasion: str
    secret: bytes | None = None
    """Signs the links in mails. None: links are for looking at, and a real send is refused."""
    workers: int = 1
    strict: bool = False
    keep_data: bool = False
    """Whether what is read is kept as the last good data, for the day on which a feed is refused."""
    trigger: str | None = None
    """The trigger that sends the campaign; None: a run over everybody."""
    trigger_spec: TriggerSpec | None = None
    """What the trigger says; None: its file in the workspace."""
    promotions: tuple[Promoted, ...] = ()
    """The winners that were promoted so far (``experiments.read_promotions``)."""

    @cached_property
    def file(self) -> Located[CampaignSpec]:
        return self.workspace.campaign(self.campaign)

    @cached_property
    def spec(self) -> CampaignSpec:
        """The campaign's file, with the experiments of the trigger that sends it beside its own."""
        spec, trigger = self.file.value, self.sender
        more = trigger.experiments if trigger is not None else {}
        return spec.model_copy(update={"experiments": {**spec.experiments, **more}}) if more else spec

    @property
    def sender(self) -> TriggerSpec | None:
        """The trigger that sends the campaign, where one does."""
        if self.trigger is None or self.trigger_spec is not None:
            return self.trigger_spec
        return self.workspace.trigger_files[self.trigger].value

    @property
    def scopes(self) -> frozenset[str]:
        """Whose experiments, and so whose promoted winners, these mails show."""
        own = {f"campaign:{self.campaign}"}
        return frozenset(own if self.trigger is None else {*own, f"trigger:{self.trigger}"})

    @property
    def signer(self) -> LinkSigner:
        return LinkSigner(self.workspace.spec.base_url, self.secret or DEVELOPMENT_SECRET)
