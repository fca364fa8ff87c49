"""How one row becomes one mail: the stages, in the order in which they happen.

``plan`` runs everything that is columnar (read, segment, train, recommend, compile, admit, choose); after
it, who gets which blocks is known for the whole audience and nothing has been rendered. ``render_plan``
turns recipients into mails, a batch at a time, and ``deliver_plan`` hands them to the outbox. Each stage is
a function of what came before it; the clock, the seed and the occasion are part of the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from audience import Audience, read_audience
from mailwright.catalog import block_catalog, segment_catalog
from mailwright.errors import ModelError
from mailwright.model.campaign import CampaignSpec
from mailwright.model.identity import fingerprint
from mailwright.model.links import LinkSigner
from mailwright.model.yamltext import Located
from mailwright.progress import Progress, Stages
from mailwright.recipients import Admission, admit
from mailwright.workspace import Assets, Workspace
from mailwright.workspace.assets import link_pictures
from recommend import Model, Recommendations, load_model, recommend_items, save_model, train
from render import (
    Choices,
    CompiledCampaign,
    RenderContext,
    choose_blocks,
    compile_campaign,
    load_library,
    render_frame,
)
from rules import compile_rule, evaluate_rules
from segments import Segmentation, assign_segments, compile_segments

SHIPPED = Path(__file__).resolve().parent.parent
"""Where the shipped ``blocks/`` and ``templates/`` stand."""


@dataclass(frozen=True)
class Request:
    """One campaign, for one occasion, at one moment."""

    workspace: Workspace
    campaign: str
    now: datetime
    seed: int
    occasion: str
    secret: bytes
    workers: int = 1
    strict: bool = False

    @cached_property
    def file(self) -> Located[CampaignSpec]:
        return self.workspace.campaign(self.campaign)

    @property
    def spec(self) -> CampaignSpec:
        return self.file.value


@dataclass(frozen=True)
class Plan:
    """All that is known of a campaign before anything is rendered."""

    request: Request
    audience: Audience
    segmentation: Segmentation
    model: Model
    recommendations: Recommendations
    compiled: CompiledCampaign
    admission: Admission
    choices: Choices
    frame: pa.Table
    """One row a recipient: attributes, features, segments, recommendations, the block of each slot."""
    context: RenderContext
    fingerprint: str
    notes: tuple[str, ...]


def plan(request: Request, stages: Stages) -> Plan:
    """Run every columnar stage of one campaign."""
    with stages("read") as progress:
        audience, assets, notes = read(request)
    with stages("segment") as progress:
        segmentation = segment(request, audience)
    with stages("train") as progress:
        model = trained_model(request, audience, progress)
    with stages("recommend") as progress:
        frame = audience.profiles
        recommendations = recommend_items(
            model,
            frame,
            audience.interactions,
            audience.items,
            request.workspace.spec.recommend,
            n=request.spec.recommendations.n,
            now=request.now,
            segments=segmentation.columns,
            progress=progress,
        )
    with stages("compile") as progress:
        compiled = compile_mail(request, assets)
    with stages("choose") as progress:
        frame = _join(frame, segmentation, recommendations)
        admission = select_recipients(request, frame, audience)
        frame = frame.filter(pa.array(admission.admitted))
        choices = choose_blocks(compiled, frame, now=request.now, interactions=audience.interactions)
        for name in choices.columns.column_names:
            frame = frame.append_column(name, choices.columns[name])
    mark = run_fingerprint(request, compiled, audience, model)
    context = RenderContext(
        campaign=request.campaign,
        occasion=request.occasion,
        now=request.now,
        fingerprint=mark,
        signer=LinkSigner(request.workspace.spec.base_url, request.secret),
        items=audience.items,
        settings=request.workspace.spec,
    )
    return Plan(
        request=request,
        audience=audience,
        segmentation=segmentation,
        model=model,
        recommendations=recommendations,
        compiled=compiled,
        admission=admission,
        choices=choices,
        frame=frame,
        context=context,
        fingerprint=mark,
        notes=(*notes, *segmentation.notes),
    )


def read(request: Request) -> tuple[Audience, Assets, tuple[str, ...]]:
    """Profiles, items and interactions, checked; pictures published and linked."""
    workspace = request.workspace
    audience = read_audience(
        workspace.root,
        workspace.spec,
        now=request.now,
        strict=request.strict,
        rejects_dir=workspace.state / "rejects",
    )
    assets = Assets(workspace.root, workspace.state / "assets", workspace.spec.assets_base_url)
    items, problems = link_pictures(audience.items, assets)
    return replace(audience, items=items), assets, tuple(problems)


def segment(request: Request, audience: Audience) -> Segmentation:
    """Which segments each profile is in."""
    file = request.workspace.segments_file
    rules = compile_segments(
        file.value, segment_catalog(request.workspace), lambda name: file.at(name, "rule")
    )
    return assign_segments(
        file.value, rules, audience.profiles, now=request.now, interactions=audience.interactions
    )


def trained_model(request: Request, audience: Audience, progress: Progress | None = None) -> Model:
    """The recommendation model of these data, this clock's day and this seed: kept, or trained now.

    Which model it is follows from the inputs alone, so it never matters which command came first.
    """
    spec = request.workspace.spec.recommend
    midnight = request.now.replace(hour=0, minute=0, second=0, microsecond=0)
    key = fingerprint(audience.fingerprint, spec.model_dump(mode="json"), request.seed, midnight.isoformat())
    folder = request.workspace.state / "models" / key
    if folder.is_dir():
        with suppress(ModelError):  # damaged: made anew below
            return load_model(folder)
    model = train(
        audience.interactions, audience.items, spec, now=midnight, seed=request.seed, progress=progress
    )
    save_model(model, folder)
    return load_model(folder)


def compile_mail(request: Request, assets: Assets) -> CompiledCampaign:
    """The campaign's template with all its blocks, through MJML and inlining once per version."""
    workspace = request.workspace
    return compile_campaign(
        request.campaign,
        request.spec,
        library=load_library(SHIPPED, workspace.root),
        settings=workspace.spec,
        catalog=block_catalog(workspace),
        asset=assets.link,
        at=request.file.at,
        cache=workspace.state / "compiled",
    )


def select_recipients(request: Request, frame: pa.Table, audience: Audience) -> Admission:
    """Who gets the mail, and why the others do not."""
    catalog = segment_catalog(request.workspace)
    rule = compile_rule(request.spec.audience, catalog, at=request.file.at("audience"))
    columns = evaluate_rules({"audience": rule}, frame, now=request.now, interactions=audience.interactions)
    return admit(frame, columns["audience"], purpose=request.spec.purpose)


def render_plan(plan: Plan, *, progress: Progress | None = None) -> Iterator[pa.RecordBatch]:
    """The mails, a batch at a time, in the order of the profiles' ids (render's ``OUTPUT`` schema)."""
    yield from render_frame(
        plan.compiled, plan.context, plan.frame, workers=plan.request.workers, progress=progress
    )


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


def _join(profiles: pa.Table, segmentation: Segmentation, recommendations: Recommendations) -> pa.Table:
    frame = profiles
    for name in segmentation.columns.column_names:
        frame = frame.append_column(name, segmentation.columns[name])
    frame = frame.append_column("recommendations", recommendations.column())
    notes = [recommendations.note(row) for row in range(frame.num_rows)]
    return frame.append_column("recommendation_note", pa.array(notes, pa.string()))
