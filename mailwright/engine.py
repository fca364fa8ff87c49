"""How one row becomes one mail: the stages, in the order in which they happen.

``plan`` runs everything that is columnar (read, segment, train, recommend, compile, choose); after it, who
gets which blocks is known for the whole audience and nothing has been rendered. ``render_plan`` turns
recipients into mails, a batch at a time. Each stage is a function of what came before it; the clock, the
seed and the occasion are part of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audience import Audience, read_audience
from mailwright.catalog import block_catalog, segment_catalog
from mailwright.errors import ConfigError, Location, ModelError, did_you_mean
from mailwright.events import EventsOfProfiles
from mailwright.experiments import (
    Promoted,
    arm_columns,
    assign_campaign,
    promoted_arms,
    waits_for_winner,
)
from mailwright.learned import learned_of, with_learned
from mailwright.model.campaign import CampaignSpec
from mailwright.model.experiment import ExperimentSpec, HoldoutSpec
from mailwright.model.identity import fingerprint
from mailwright.model.links import LinkSigner
from mailwright.model.trigger import TriggerSpec
from mailwright.model.yamltext import Located
from mailwright.models import shelf, training_clock, tuned_spec
from mailwright.progress import Progress, Stages
from mailwright.recipients import Admission, admit
from mailwright.workspace import Assets, Workspace
from mailwright.workspace.assets import link_pictures
from measure import held_out_mask
from measure.assignment import Assignment
from recommend import Model, Recommendations, load_model, recommend_items, save_model, train
from recommend.asking import asked_columns, recommend_asked
from recommend.mixed import mixed
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
from render.editions import read_experiments
from rules import Rule, compile_rule, evaluate_rules
from segments import Segmentation, assign_segments, compile_segments
from segments.learned import Learned

SHIPPED = Path(__file__).resolve().parent.parent
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
    assignment: Assignment
    """The arms of every profile."""
    admission: Admission
    everyone: pa.Table
    """One row a profile: attributes, features, segments, recommendations, arms."""
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


Shared = Callable[[Request, CompiledCampaign, Stages], tuple[Recommendations, pa.Table]]
"""Recommendations of a request, and ``join_columns`` of them."""


def plan(request: Request, stages: Stages) -> Plan:
    """Run every columnar stage of one campaign."""
    workspace, now = request.workspace, request.now
    with stages("read"):
        source = read_workspace(workspace, now=now, strict=request.strict, keep=request.keep_data)
    with stages("segment"):
        segmentation = segment_audience(workspace, source.audience, now=now)
    with stages("train") as progress:
        model = trained_model(workspace, source.audience, now=now, seed=request.seed, progress=progress)
    return plan_campaign(request, source, segmentation, model, stages)


def plan_campaign(
    request: Request,
    source: Source,
    segmentation: Segmentation,
    model: Model,
    stages: Stages,
    *,
    shared: Shared | None = None,
) -> Plan:
    """Run the columnar stages that depend on the campaign; those before it are the same for all campaigns.

    ``shared`` gives the recommendations where everybody has the campaign's strategy, and with them everyone
    joined: campaigns that ask for the same may share them.
    """
    audience = source.audience
    with stages("compile"):
        compiled = compile_mail(request, source.assets)
    assignment = assign(request, compiled, audience.profiles["profile_id"])
    asked = strategies(request, audience.profiles.num_rows, assignment)
    if shared is not None and list(asked) == [request.spec.recommendations.strategy]:
        recommendations, everyone = shared(request, compiled, stages)
    else:
        with stages("recommend") as progress:
            given = (request, audience, segmentation, model)
            recommendations = recommend(*given, progress, assignment, spare=compiled.spare)
            lists = recommend_asked_lists(*given, compiled)
        everyone = join_columns(audience, segmentation, recommendations, lists)
    with stages("choose"):
        everyone = beside(everyone, arm_columns(assignment))
        admission = select_recipients(request, everyone, audience, compiled, assignment)
        candidates = everyone.filter(pa.array(admission.admitted))
        choices = choose_blocks(compiled, candidates, now=request.now, interactions=audience.interactions)
    mark = run_fingerprint(request, compiled, audience, model)
    return Plan(
        request=request,
        source=source,
        segmentation=segmentation,
        model=model,
        recommendations=recommendations,
        compiled=compiled,
        assignment=assignment,
        admission=admission,
        everyone=everyone,
        choices=choices,
        context=render_context(request, audience, mark),
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
        feedback=workspace.state / FEEDBACK,
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


def assign(
    request: Request, compiled: CompiledCampaign, profile_ids: pa.Array | pa.ChunkedArray
) -> Assignment:
    """The arm of each profile in each of the campaign's experiments: a hash, the same in every path."""
    promoted = promoted_arms(compiled, request.promotions, request.scopes)
    return assign_campaign(compiled, profile_ids, now=request.now, promoted=promoted)


def recommend(
    request: Request,
    audience: Audience,
    segmentation: Segmentation,
    model: Model,
    progress: Progress | None = None,
    assignment: Assignment | None = None,
    *,
    spare: int = 0,
) -> Recommendations:
    """The items for each profile, best first, with their sources and reasons, by the strategy of its arm;
    ``spare`` beyond those wanted.

    Raises ConfigError for a strategy that there is not.
    """
    parts = [
        (
            rows,
            recommend_items(
                model,
                audience.profiles,
                audience.interactions,
                audience.items,
                tuned_spec(request.workspace.spec.recommend, model),
                n=request.spec.recommendations.n,
                now=request.now,
                strategy=strategy,
                only=None if len(rows) == audience.profiles.num_rows else rows.tolist(),
                segments=segmentation.columns if segmentation.columns.num_columns else None,
                spare=spare,
                progress=progress,
            ),
        )
        for strategy, rows in strategies(request, audience.profiles.num_rows, assignment).items()
    ]
    return parts[0][1] if len(parts) == 1 else mixed(parts)


def strategies(
    request: Request, rows: int, assignment: Assignment | None = None
) -> dict[str, npt.NDArray[np.int64]]:
    """Strategy → the rows whose arms ask for it; those of no such arm have the campaign's.

    Raises ConfigError for a strategy that there is not.
    """
    known = strategy_names()
    usual = request.spec.recommendations.strategy
    _check_strategy(usual, known, request.file.at("recommendations", "strategy"))
    asked = np.full(rows, usual, dtype=object)
    for name, spec in request.spec.experiments.items():
        for arm, body in spec.arms.items():
            if body.strategy is not None:
                at = request.file.at("experiments", name, "arms", arm, "strategy")
                _check_strategy(body.strategy, known, at)
                if assignment is not None:
                    shown = assignment.shown[f"experiment:{name}"]
                    asked[np.asarray(pc.fill_null(pc.equal(shown, arm), False))] = body.strategy
    found = {strategy: np.flatnonzero(asked == strategy) for strategy in sorted(set(asked.tolist()))}
    return found or {usual: np.arange(rows)}


def _check_strategy(strategy: str, known: Iterable[str], at: Location) -> None:
    if strategy not in known:
        raise ConfigError(f"there is no strategy {strategy!r}", at=at, fix=did_you_mean(strategy, known))


def recommend_asked_lists(
    request: Request,
    audience: Audience,
    segmentation: Segmentation,
    model: Model,
    compiled: CompiledCampaign,
) -> pa.Table:
    """The lists that the template and its blocks ask for, a column each, and a note on each."""
    return asked_columns(
        recommend_asked(
            model,
            audience.profiles,
            audience.interactions,
            audience.items,
            tuned_spec(request.workspace.spec.recommend, model),
            compiled.asks,
            now=request.now,
            segments=segmentation.columns if segmentation.columns.num_columns else None,
            spare=compiled.spare,
        ),
        audience.profiles.num_rows,
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


def declared_experiments(
    request: Request, library: Library | None = None
) -> tuple[dict[str, ExperimentSpec], dict[str, str]]:
    """The experiments that campaign, trigger and blocks declare, and the content of their arms."""
    library = library or load_library(SHIPPED, request.workspace.root)
    return read_experiments(request.spec, library, request.file.at)


def join_columns(
    audience: Audience,
    segmentation: Segmentation,
    recommendations: Recommendations,
    asked: pa.Table | None = None,
) -> pa.Table:
    """Profiles, their segments, their recommendations and what blocks ask for, side by side."""
    # Only who has fewer items than asked for has a note: of a million profiles that is a handful.
    notes: npt.NDArray[np.object_] = np.full(audience.profiles.num_rows, "", dtype=object)
    for row in np.flatnonzero((recommendations.items < 0).any(axis=1)).tolist():
        notes[row] = recommendations.note(row)
    frame = (
        beside(audience.profiles, segmentation.columns)
        .append_column("recommendations", recommendations.column())
        .append_column("recommendation_note", pa.array(notes, pa.string()))
    )
    return frame if asked is None else beside(frame, asked)


def select_recipients(
    request: Request,
    everyone: pa.Table,
    audience: Audience,
    compiled: CompiledCampaign,
    assignment: Assignment,
) -> Admission:
    """Who gets the mail, and why the others do not."""
    rules = {"audience": audience_rule(request)}
    columns = evaluate_rules(rules, everyone, now=request.now, interactions=audience.interactions)
    held_out = held_out_mask(holdouts(request), everyone["profile_id"])
    promoted = promoted_arms(compiled, request.promotions, request.scopes)
    waits = waits_for_winner(compiled, assignment, now=request.now, promoted=promoted)
    return admit(
        everyone, columns["audience"], purpose=request.spec.purpose, held_out=held_out, awaiting=waits
    )


def holdouts(request: Request) -> dict[str, HoldoutSpec | None]:
    """Who is kept back from these mails, by scope: of the workspace, the campaign, and the trigger."""
    found = {
        "global": request.workspace.spec.holdout,
        f"campaign:{request.campaign}": request.spec.holdout,
    }
    if request.sender is not None:
        found[f"trigger:{request.trigger}"] = request.sender.holdout
    return found


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
    those of ``delivery_columns``.
    """
    frame = plan.recipients if recipients is None else recipients
    addresses = delivery_columns(plan.request, frame)
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


def delivery_columns(request: Request, frame: pa.Table) -> pa.Table:
    """What sending needs of each recipient beside the mail: ``email``, ``timezone``, and ``send_at``, the
    hour (ISO 8601) of the recipient's own day before which an arm keeps the mail back; NULL: at once."""
    times = pa.nulls(frame.num_rows, pa.string())
    for name, spec in request.spec.experiments.items():
        for arm, body in spec.arms.items():
            if body.send_at is not None and f"experiment:{name}" in frame.column_names:
                here = pc.equal(frame[f"experiment:{name}"], arm)
                times = pc.if_else(pc.fill_null(here, False), body.send_at.isoformat(), times)
    return frame.select(["email", "timezone"]).append_column("send_at", times)


def run_fingerprint(request: Request, compiled: CompiledCampaign, audience: Audience, model: Model) -> str:
    """Changes when anything that went into the mails does: campaign, templates, blocks, audience, model,
    catalogue, configuration, experiments and their promoted winners. The clock and the occasion are no part
    of it."""
    return fingerprint(
        request.campaign,
        request.spec.model_dump(mode="json"),
        compiled.fingerprint,
        audience.fingerprint,
        model.fingerprint,
        request.workspace.spec.model_dump(mode="json"),
        promoted_arms(compiled, request.promotions, request.scopes),
        {name: spec.model_dump(mode="json") for name, spec in request.workspace.segments.items()},
        request.seed,
    )


def beside(left: pa.Table, right: pa.Table) -> pa.Table:
    """The columns of two tables of the same rows; of two of one name the right one."""
    for name in right.column_names:
        if name in left.column_names:
            left = left.set_column(left.column_names.index(name), name, right[name])
        else:
            left = left.append_column(name, right[name])
    return left
