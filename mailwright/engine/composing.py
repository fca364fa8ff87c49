"""A campaign's own stages: its mail compiled, its arms assigned, its recipients selected."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

import pyarrow as pa

from audience import Audience
from mailwright.catalog import block_catalog, segment_catalog
from mailwright.engine.request import SHIPPED, Request
from mailwright.events import EventsOfProfiles
from mailwright.experiments import (
    assign_campaign,
    promoted_arms,
    waits_for_winner,
)
from mailwright.model.experiment import ExperimentSpec, HoldoutSpec
from mailwright.model.identity import fingerprint
from mailwright.recipients import Admission, admit
from measure.assignment import Assignment, Mask
from recommend import Model
from recommend.embedding import without_embeddings
from render import (
    CompiledCampaign,
    Library,
    RenderContext,
    compile_campaign,
    load_library,
)
from render.editions import read_experiments
from rules import Rule, compile_rule, evaluate_rules


class Links(Protocol):
    """Whatever gives the published link of a picture."""

    def link(self, path: str) -> str: ...


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


def assign(
    request: Request, compiled: CompiledCampaign, profile_ids: pa.Array | pa.ChunkedArray
) -> Assignment:
    """The arm of each profile in each of the campaign's experiments: a hash, the same in every path."""
    promoted = promoted_arms(compiled, request.promotions, request.scopes)
    return assign_campaign(compiled, profile_ids, now=request.now, promoted=promoted)


def audience_rule(request: Request) -> Rule:
    """The rule that says who the campaign is for."""
    catalog = segment_catalog(request.workspace)
    return compile_rule(request.spec.audience, catalog, at=request.file.at("audience"))


def holdouts(request: Request) -> dict[str, HoldoutSpec | None]:
    """Who is kept back from these mails, by scope: of the workspace, the campaign, and the trigger."""
    found = {
        "global": request.workspace.spec.holdout,
        f"campaign:{request.campaign}": request.spec.holdout,
    }
    if request.sender is not None:
        found[f"trigger:{request.trigger}"] = request.sender.holdout
    return found


def select_recipients(
    request: Request,
    everyone: pa.Table,
    audience: Audience,
    compiled: CompiledCampaign,
    assignment: Assignment,
    held_out: Future[Mask],
) -> Admission:
    """Who gets the mail, and why the others do not; ``held_out`` are those whom ``holdouts`` keep back."""
    rules = {"audience": audience_rule(request)}
    columns = evaluate_rules(rules, everyone, now=request.now, interactions=audience.interactions)
    promoted = promoted_arms(compiled, request.promotions, request.scopes)
    waits = waits_for_winner(compiled, assignment, now=request.now, promoted=promoted)
    return admit(
        everyone,
        columns["audience"],
        purpose=request.spec.purpose,
        held_out=held_out.result(),
        awaiting=waits,
    )


def render_context(request: Request, audience: Audience, mark: str) -> RenderContext:
    """What all mails of one run share."""
    return RenderContext(
        campaign=request.campaign,
        occasion=request.occasion,
        now=request.now,
        fingerprint=mark,
        signer=request.signer,
        items=without_embeddings(audience.items),
        settings=request.workspace.spec,
        events=EventsOfProfiles(audience.interactions),
    )


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
