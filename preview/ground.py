"""What all campaigns of a workspace stand on: its files, audience, segments and model, read once."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from audience.cores import meanwhile
from mailwright.catalog import segment_catalog
from mailwright.engine import (
    Request,
    Source,
    compile_mail,
    join_columns,
    read_workspace,
    recommend,
    recommend_asked_lists,
    segment_audience,
    trained_model,
)
from mailwright.experiments import read_promotions
from mailwright.progress import Stages
from mailwright.workspace import Assets, Workspace, open_workspace
from preview.settings import PreviewSettings
from recommend import Model, Recommendations
from render import CompiledCampaign
from rules import EventView, Rule, event_views
from segments import Segmentation, compile_segments


@dataclass(frozen=True)
class Ground:
    """A workspace read at one moment. Everything here is the same for all of its campaigns."""

    workspace: Workspace
    now: datetime
    seed: int
    source: Source
    segmentation: Segmentation
    model: Model
    compiling: dict[str, Future[CompiledCampaign]] = field(default_factory=dict, compare=False, repr=False)
    """Mails begun while the data were read; whoever takes one takes it out."""
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What pages have computed from it and need again."""
    joined: dict[tuple[Any, ...], tuple[Recommendations, pa.Table]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """By number of items and strategy: what is recommended, and everybody with it. Campaigns that ask for
    the same share it, for on a large audience it takes longer than all the rest."""

    @cached_property
    def segment_rules(self) -> dict[str, Rule]:
        file = self.workspace.segments_file
        catalog = segment_catalog(self.workspace)
        return compile_segments(file.value, catalog, lambda name: file.at(name, "rule"))

    def events_of(self, profile_id: str) -> EventView:
        """What one profile did."""
        interactions = self.source.audience.interactions
        return event_views(interactions, [profile_id]).get(profile_id) or EventView()


def read_ground(root: Path, settings: PreviewSettings, stages: Stages, campaign: str | None = None) -> Ground:
    """Read, segment and train: the stages of a run that do not depend on a campaign.

    The mail of ``campaign`` is compiled meanwhile, which needs no data.
    """
    workspace = open_workspace(root)
    now = clock_of(workspace, settings)
    seed = workspace.spec.seed if settings.seed is None else settings.seed
    compiling = {} if campaign is None else {campaign: _compile(workspace, now, seed, campaign, settings)}
    with stages("read"):
        source = read_workspace(workspace, now=now)
    segmenting = meanwhile(partial(segment_audience, workspace, source.audience, now=now))
    with stages("train") as progress:
        model = trained_model(workspace, source.audience, now=now, seed=seed, progress=progress)
    with stages("segment"):
        segmentation = segmenting.result()
    return Ground(workspace, now, seed, source, segmentation, model, compiling)


def _compile(
    workspace: Workspace, now: datetime, seed: int, campaign: str, settings: PreviewSettings
) -> Future[CompiledCampaign]:
    def work() -> CompiledCampaign:
        request = _request(workspace, now, seed, campaign, settings)
        folder, address = workspace.state / "assets", workspace.spec.assets_base_url
        return compile_mail(request, Assets(workspace.root, folder, address))

    return meanwhile(work)


def reread_campaigns(ground: Ground) -> Ground:
    """The same ground under campaign and trigger files that changed."""
    return replace(ground, workspace=open_workspace(ground.workspace.root), compiling={}, memo={})


def reread_segments(ground: Ground) -> Ground:
    """The same audience in segments that changed."""
    workspace = open_workspace(ground.workspace.root)
    segmentation = segment_audience(workspace, ground.source.audience, now=ground.now)
    return replace(ground, workspace=workspace, segmentation=segmentation, compiling={}, memo={}, joined={})


def recommended(
    ground: Ground, request: Request, compiled: CompiledCampaign, stages: Stages
) -> tuple[Recommendations, pa.Table]:
    """The recommendations of a campaign, and one row a profile with all that is known of it."""
    spec = request.spec.recommendations
    key = (spec.n, spec.strategy, compiled.asks, compiled.spare)
    if key not in ground.joined:
        audience, segmentation = ground.source.audience, ground.segmentation
        with stages("recommend") as progress:
            found = recommend(request, audience, segmentation, ground.model, progress, spare=compiled.spare)
            asked = recommend_asked_lists(request, audience, segmentation, ground.model, compiled)
            ground.joined[key] = found, join_columns(audience, segmentation, found, asked)
    return ground.joined[key]


def request_for(ground: Ground, campaign: str, settings: PreviewSettings) -> Request:
    """What ``send`` would be asked for, of this campaign, now."""
    return _request(ground.workspace, ground.now, ground.seed, campaign, settings)


def _request(
    workspace: Workspace, now: datetime, seed: int, campaign: str, settings: PreviewSettings
) -> Request:
    return Request(
        workspace=workspace,
        campaign=campaign,
        now=now,
        seed=seed,
        occasion=workspace.campaign(campaign).value.occasion,
        secret=settings.secret,
        workers=settings.workers,
        promotions=read_promotions(workspace),
    )


def clock_of(workspace: Workspace, settings: PreviewSettings) -> datetime:
    """The clock that was asked for, else the workspace's fixed one, else the time it is."""
    moment = settings.now or workspace.spec.clock or datetime.now(UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
