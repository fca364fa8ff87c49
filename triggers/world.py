"""What the workspace's files say, read once: everybody's profile, the catalogue, the model, the campaigns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa

from audience import FEATURES, Audience
from audience.arrow import as_rows
from mailwright.catalog import segment_catalog
from mailwright.engine import (
    Request,
    Source,
    compile_mail,
    read_workspace,
    segment_audience,
    trained_model,
)
from mailwright.events import EventsOfProfiles
from mailwright.experiments import Promoted, read_promotions
from mailwright.model.schema import PROFILE_ATTRIBUTES
from mailwright.workspace import Workspace
from recommend import Model
from render import CompiledCampaign, RenderContext
from rules import Rule
from segments import Segmentation, compile_segments
from triggers.program import Trigger


@dataclass
class World:
    """A snapshot. ``profiles`` are those of the files; whoever came later is made from ``nobody``."""

    workspace: Workspace
    source: Source
    segmentation: Segmentation
    segment_rules: Mapping[str, Rule]
    model: Model
    secret: bytes | None
    promotions: tuple[Promoted, ...] = ()
    compiled: dict[tuple[str, str | None], CompiledCampaign] = field(default_factory=dict)
    """Campaign, and the trigger whose experiments it shows beside its own → the compiled campaign."""
    contexts: dict[tuple[str, str | None], RenderContext] = field(default_factory=dict)
    """What the mails of a campaign share, made when the first is."""

    def become(self, other: World) -> None:
        """Say what ``other`` says, which was read later. Nobody may be reading meanwhile."""
        for name in ("rows", "categories", "events", "attributes", "nobody"):
            self.__dict__.pop(name, None)
        self.source, self.segmentation, self.model = other.source, other.segmentation, other.model
        self.compiled, self.contexts = other.compiled, other.contexts
        self.promotions = other.promotions

    @property
    def audience(self) -> Audience:
        return self.source.audience

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Profile → its row."""
        return {name: row for row, name in enumerate(self.audience.profiles["profile_id"].to_pylist())}

    @cached_property
    def categories(self) -> Mapping[str, str | None]:
        """Item → its category."""
        items = self.audience.items
        return dict(zip(items["item_id"].to_pylist(), items["category"].to_pylist(), strict=True))

    @cached_property
    def events(self) -> EventsOfProfiles:
        return EventsOfProfiles(self.audience.interactions)

    @cached_property
    def attributes(self) -> pa.Table:
        """The profiles without what is computed of events, and what is learned from that."""
        computed = {*FEATURES, *self.source.learned.names}
        names = [name for name in self.audience.profiles.column_names if name not in computed]
        return self.audience.profiles.select(names)

    @cached_property
    def nobody(self) -> dict[str, Any]:
        """The attributes of somebody of whom nothing is known but defaults."""
        schema = PROFILE_ATTRIBUTES | self.workspace.spec.profile
        known = {name: schema[name].default for name in self.attributes.column_names if name in schema}
        return {**dict.fromkeys(self.attributes.column_names), **known, "email_problem": "no_address"}

    def settle(self) -> None:
        """Do at the start what the first event and the first mail would wait for."""
        import sklearn.feature_extraction.text  # noqa: F401 takes seconds, and mails compare the words of items

        self.rows, self.events.place("")

    def profiles(self, profile_ids: Sequence[str]) -> list[dict[str, Any]]:
        """The attributes of each of these as the files have them, or of nobody."""
        known = [name for name in profile_ids if name in self.rows]
        read = as_rows(self.attributes.take(pa.array([self.rows[name] for name in known], pa.int64())))
        found = dict(zip(known, read, strict=True))
        return [found.get(name) or {**self.nobody, "profile_id": name} for name in profile_ids]

    def request(self, campaign: str, occasion: str, now: datetime, trigger: Trigger | None = None) -> Request:
        """The campaign, for one occasion, at one moment."""
        seed = self.workspace.spec.seed
        return Request(
            self.workspace,
            campaign,
            now,
            seed,
            occasion,
            secret=self.secret,
            trigger=trigger.name if trigger is not None else None,
            trigger_spec=trigger.spec if trigger is not None else None,
            promotions=self.promotions,
        )

    def campaign(self, name: str, now: datetime, trigger: Trigger | None = None) -> CompiledCampaign:
        """The campaign's template with its blocks, compiled when it is first asked for."""
        own = trigger if trigger is not None and trigger.spec.experiments else None
        key = (name, own.name if own is not None else None)
        if key not in self.compiled:
            self.compiled[key] = compile_mail(self.request(name, "", now, own), self.source.assets)
        return self.compiled[key]


def read_world(workspace: Workspace, *, now: datetime, secret: bytes | None = None) -> World:
    """Read, segment and train, as a batch run does."""
    source = read_workspace(workspace, now=now)
    file = workspace.segments_file
    rules = compile_segments(file.value, segment_catalog(workspace), lambda name: file.at(name, "rule"))
    return World(
        workspace=workspace,
        source=source,
        segmentation=segment_audience(workspace, source.audience, now=now),
        segment_rules=rules,
        model=trained_model(workspace, source.audience, now=now, seed=workspace.spec.seed),
        secret=secret,
        promotions=read_promotions(workspace),
    )


def interactions_of(rows: list[dict[str, Any]], like: pa.Table) -> pa.Table:
    """Events as a table of interactions, oldest first."""
    names = like.column_names
    plain = [{name: row.get(name) for name in names} for row in rows]
    return pa.Table.from_pylist(plain, like.schema)
