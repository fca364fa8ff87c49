"""How one row becomes one mail: the stages, in the order in which they happen.

``plan`` runs everything that is columnar (read, segment, train, recommend, compile, choose); after it, who
gets which blocks is known for the whole audience and nothing has been rendered. ``render_plan`` turns
recipients into mails, a batch at a time. Each stage is a function of what came before it; the clock, the
seed and the occasion are part of the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audience import Audience, read_audience
from mailwright.catalog import block_catalog, segment_catalog
from mailwright.errors import ConfigError, ModelError, did_you_mean
from mailwright.events import EventsOfProfiles
from mailwright.learned import learned_of, with_learned
from mailwright.model.campaign import CampaignSpec
from mailwright.model.identity import fingerprint
from mailwright.model.links import LinkSigner
from mailwright.model.yamltext import Located
from mailwright.models import shelf, training_clock, tuned_spec
from mailwright.progress import Progress, Stages
from mailwright.recipients import Admission, admit
from mailwright.workspace import Assets, Workspace
from mailwright.workspace.assets import link_pictures
from measure import held_out_mask
from recommend import Model, Recommendations, load_model, recommend_items, save_model, train
from recommend.strategies import strategy_names
from render import (
    Choices,
    CompiledCampaign,
    Library,
    RenderContext,
    choose_blocks,
    compile_campaign,
    load_library,
    render_frame,
)
from rules import Rule, compile_rule, evaluate_rules
from segments import Segmentation, assign_segments, compile_segments
from segments.learned import Learned

SHIPPED = Path(__file__).resolve().parent.parent
"""Where the shipped ``blocks/`` and ``templates/`` stand."""

LAST_GOOD = "last-good"
"""Where the last good data is kept, below the workspace's state."""

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

    @cached_property
    def file(self) -> Located[CampaignSpec]:
        return self.workspace.campaign(self.campaign)

    @property
    def spec(self) -> CampaignSpec:
        return self.file.value

    @property
    def signer(self) -> LinkSigner:
        return LinkSigner(self.workspace.spec.base_url, self.secret or DEVELOPMENT_SECRET)


class Links(Protocol):
    """Whatever gives the published link of a picture."""

    def link(self, path: str) -> str: ...


@dataclass(frozen=True)
class Source:
    """What was read of a workspace: its audience, its published pictures, and what a person should know."""

    audience: Audience
    assets: Assets
    notes: tuple[str, ...] = ()
    learned: Learned = field(default_factory=Learned)
    """The clusters and scores whose columns stand in the audience's profiles."""


@dataclass(frozen=True)
class Plan:
    """All that is known of a campaign before anything is rendered."""

    request: Request
    source: Source
    segmentation: Segmentation
    model: Model
    recommendations: Recommendations
    compiled: CompiledCampaign
    admission: Admission
    everyone: pa.Table
    """One row a profile: attributes, features, segments, recommendations."""
    choices: Choices
    """The block of each slot, for the recipients."""
    context: RenderContext
    fingerprint: str

    @cached_property
    def recipients(self) -> pa.Table:
        """The rows of ``everyone`` that get the mail, with a ``slot:…`` column a slot."""
        return beside(self.everyone.filter(pa.array(self.admission.admitted)), self.choices.columns)

    @cached_property
    def audience_rule(self) -> Rule:
        return audience_rule(self.request)

    @cached_property
    def events(self) -> EventsOfProfiles:
        return EventsOfProfiles(self.source.audience.interactions)

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.source.notes, *self.segmentation.notes, *self.compiled.warnings)


def plan(request: Request, stages: Stages) -> Plan:
    """Run every columnar stage of one campaign."""
    workspace, now = request.workspace, request.now
    with stages("read"):
        source = read_workspace(workspace, now=now, strict=request.strict, keep=request.keep_data)
    with stages("segment"):
        segmentation = segment_audience(workspace, source.audience, now=now)
    with stages("train") as progress:
        model = trained_model(workspace, source.audience, now=now, seed=request.seed, progress=progress)
    with stages("recommend") as progress:
        recommendations = recommend(request, source.audience, segmentation, model, progress)
    with stages("compile"):
        compiled = compile_mail(request, source.assets)
    with stages("choose"):
        everyone = join_columns(source.audience, segmentation, recommendations)
        admission = select_recipients(request, everyone, source.audience)
        candidates = everyone.filter(pa.array(admission.admitted))
        choices = choose_blocks(compiled, candidates, now=now, interactions=source.audience.interactions)
    mark = run_fingerprint(request, compiled, source.audience, model)
    return Plan(
        request=request,
        source=source,
        segmentation=segmentation,
        model=model,
        recommendations=recommendations,
        compiled=compiled,
        admission=admission,
        everyone=everyone,
        choices=choices,
        context=render_context(request, source.audience, mark),
        fingerprint=mark,
    )


def read_workspace(
    workspace: Workspace, *, now: datetime, strict: bool = False, keep: bool = False
) -> Source:
    """Profiles, items and interactions, checked; what was learned of profiles beside them; pictures linked.

    With ``keep`` they are kept as the last good data when nothing refuses them.
    """
    refuse_missing_files(workspace)
    audience = read_audience(
        workspace.root,
        workspace.spec,
        now=now,
        strict=strict,
        rejects_dir=workspace.state / "rejects",
        last_good=workspace.state / LAST_GOOD if keep else None,
    )
    assets = Assets(workspace.root, workspace.state / "assets", workspace.spec.assets_base_url)
    items, problems = link_pictures(audience.items, assets)
    learned = learned_of(workspace)
    audience, noticed = with_learned(replace(audience, items=items), learned, now=now)
    return Source(audience, assets, (*problems, *learned.notes, *noticed), learned)


def refuse_missing_files(workspace: Workspace) -> None:
    """Raise ConfigError, at its line, for a data file that is not there."""
    for name in ("profiles", "items", "interactions"):
        source = getattr(workspace.spec.data, name)
        if source is not None and source.path is not None and not (workspace.root / source.path).is_file():
            beside = (workspace.root / source.path).parent
            known = [path.name for path in beside.glob("*")] if beside.is_dir() else []
            raise ConfigError(
                f"there is no file {source.path} in {workspace.root}",
                at=workspace.config.at("data", name, "path"),
                fix=did_you_mean(Path(source.path).name, known) or "add the file, or name the one there is",
            )


def segment_audience(workspace: Workspace, audience: Audience, *, now: datetime) -> Segmentation:
    """Which segments each profile is in."""
    file = workspace.segments_file
    rules = compile_segments(file.value, segment_catalog(workspace), lambda name: file.at(name, "rule"))
    return assign_segments(file.value, rules, audience.profiles, now=now, interactions=audience.interactions)


def trained_model(
    workspace: Workspace,
    audience: Audience,
    *,
    now: datetime,
    seed: int,
    progress: Progress | None = None,
) -> Model:
    """The model that ``mailwright train`` put in place; without one, that of these data, day and seed.

    The latter is trained when it is first asked for, and follows from the inputs alone.
    """
    if any(version.in_place for version in shelf(workspace).versions()):
        return shelf(workspace).current()
    spec = workspace.spec.recommend
    midnight = training_clock(now)
    key = fingerprint(audience.fingerprint, spec.model_dump(mode="json"), seed, midnight.isoformat())
    folder = workspace.state / "models" / "of-data" / key
    if folder.is_dir():
        with suppress(ModelError):  # damaged: made anew below
            return load_model(folder)
    save_model(
        train(audience.interactions, audience.items, spec, now=midnight, seed=seed, progress=progress), folder
    )
    return load_model(folder)


def recommend(
    request: Request,
    audience: Audience,
    segmentation: Segmentation,
    model: Model,
    progress: Progress | None = None,
) -> Recommendations:
    """The items for each profile, best first, with their sources and reasons.

    Raises ConfigError for a strategy that there is not.
    """
    strategy = request.spec.recommendations.strategy
    if strategy not in strategy_names():
        raise ConfigError(
            f"there is no strategy {strategy!r}",
            at=request.file.at("recommendations", "strategy"),
            fix=did_you_mean(strategy, strategy_names()),
        )
    return recommend_items(
        model,
        audience.profiles,
        audience.interactions,
        audience.items,
        tuned_spec(request.workspace.spec.recommend, model),
        n=request.spec.recommendations.n,
        now=request.now,
        strategy=strategy,
        segments=segmentation.columns if segmentation.columns.num_columns else None,
        progress=progress,
    )


def compile_mail(
    request: Request, assets: Links, library: Library | None = None, *, draft: bool = False
) -> CompiledCampaign:
    """The campaign's template with all its blocks, through MJML and inlining once per version.

    ``library`` stands in for the shipped one with the workspace's over it; a ``draft`` is only looked at.
    """
    workspace = request.workspace
    return compile_campaign(
        request.campaign,
        request.spec,
        library=library or load_library(SHIPPED, workspace.root),
        settings=workspace.spec,
        catalog=block_catalog(workspace),
        asset=assets.link,
        at=request.file.at,
        cache=workspace.state / "compiled",
        draft=draft,
    )


def join_columns(
    audience: Audience, segmentation: Segmentation, recommendations: Recommendations
) -> pa.Table:
    """Profiles, their segments and their recommendations side by side."""
    # Only who has fewer items than asked for has a note: of a million profiles that is a handful.
    notes: npt.NDArray[np.object_] = np.full(audience.profiles.num_rows, "", dtype=object)
    for row in np.flatnonzero((recommendations.items < 0).any(axis=1)).tolist():
        notes[row] = recommendations.note(row)
    return (
        beside(audience.profiles, segmentation.columns)
        .append_column("recommendations", recommendations.column())
        .append_column("recommendation_note", pa.array(notes, pa.string()))
    )


def select_recipients(request: Request, everyone: pa.Table, audience: Audience) -> Admission:
    """Who gets the mail, and why the others do not."""
    rules = {"audience": audience_rule(request)}
    columns = evaluate_rules(rules, everyone, now=request.now, interactions=audience.interactions)
    holdouts = {
        "global": request.workspace.spec.holdout,
        f"campaign:{request.campaign}": request.spec.holdout,
    }
    held_out = held_out_mask(holdouts, everyone["profile_id"])
    return admit(everyone, columns["audience"], purpose=request.spec.purpose, held_out=held_out)


def audience_rule(request: Request) -> Rule:
    """The rule that says who the campaign is for."""
    catalog = segment_catalog(request.workspace)
    return compile_rule(request.spec.audience, catalog, at=request.file.at("audience"))


def render_context(request: Request, audience: Audience, mark: str) -> RenderContext:
    """What all mails of one run share."""
    return RenderContext(
        campaign=request.campaign,
        occasion=request.occasion,
        now=request.now,
        fingerprint=mark,
        signer=request.signer,
        items=audience.items,
        settings=request.workspace.spec,
        events=EventsOfProfiles(audience.interactions),
    )


def render_plan(
    plan: Plan,
    recipients: pa.Table | None = None,
    *,
    grouped: bool = False,
    progress: Progress | None = None,
) -> Iterator[pa.RecordBatch]:
    """The mails, a batch at a time, in the order of the profiles' ids: all, or those given.

    The columns are those of ``render.MAILS`` (with ``grouped`` those of ``render.grouped.GROUPED``), then
    ``email`` and ``timezone`` of the recipient.
    """
    frame = plan.recipients if recipients is None else recipients
    addresses = frame.select(["email", "timezone"])
    done = 0
    workers = plan.request.workers
    for batch in render_frame(
        plan.compiled, plan.context, frame, workers=workers, grouped=grouped, progress=progress
    ):
        whole = addresses.slice(done, batch.num_rows).combine_chunks()
        done += batch.num_rows
        for name in whole.column_names:
            batch = batch.append_column(name, whole[name].combine_chunks())
        yield batch


def run_fingerprint(request: Request, compiled: CompiledCampaign, audience: Audience, model: Model) -> str:
    """Changes when anything that went into the mails does: campaign, templates, blocks, audience, model,
    catalogue, configuration. The clock and the occasion are no part of it."""
    return fingerprint(
        request.campaign,
        request.spec.model_dump(mode="json"),
        compiled.fingerprint,
        audience.fingerprint,
        model.fingerprint,
        request.workspace.spec.model_dump(mode="json"),
        {name: spec.model_dump(mode="json") for name, spec in request.workspace.segments.items()},
        request.seed,
    )


def beside(left: pa.Table, right: pa.Table) -> pa.Table:
    """The columns of two tables of the same rows."""
    for name in right.column_names:
        left = left.append_column(name, right[name])
    return left
