"""The stages run in their order: a plan, and the mails of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from audience.cores import meanwhile
from mailwright.engine.composing import (
    assign,
    compile_mail,
    holdouts,
    render_context,
    run_fingerprint,
    select_recipients,
)
from mailwright.engine.outline import Outline, choose_ahead
from mailwright.engine.reading import Source, read_workspace, segment_audience, trained_model
from mailwright.engine.recommending import beside, join_columns, recommend, recommend_asked_lists, strategies
from mailwright.engine.request import Request
from mailwright.experiments import (
    arm_columns,
)
from mailwright.models import tuned_spec
from mailwright.progress import Progress, Stages
from measure import held_out_mask
from recommend import Model, Recommendations
from render import (
    CompiledCampaign,
    RenderContext,
    choose_blocks,
    render_frame,
)
from segments import Segmentation


@dataclass(frozen=True)
class Plan(Outline):
    """All that is known of a campaign before anything is rendered; ``everyone`` has the items too."""

    model: Model
    recommendations: Recommendations
    context: RenderContext
    fingerprint: str


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
    compiling: Future[CompiledCampaign] | None = None,
    shared: Shared | None = None,
    outlined: Callable[[Outline], None] | None = None,
) -> Plan:
    """Run the columnar stages that depend on the campaign; those before it are the same for all campaigns.

    ``compiling`` is the mail, where it was begun before (``compile_mail``). ``shared`` gives the
    recommendations where everybody has the campaign's strategy, and with them everyone joined: campaigns that
    ask for the same may share them, unless what was shown last is left out of each. ``outlined`` is told who
    gets which block as soon as that is certain, which may be before anything is recommended.
    """
    audience = source.audience
    with stages("compile"):
        compiled = compile_mail(request, source.assets) if compiling is None else compiling.result()
    ids = audience.profiles["profile_id"]
    held_out = meanwhile(partial(held_out_mask, holdouts(request), ids))
    assignment = assign(request, compiled, ids)
    arms = arm_columns(assignment)
    with stages("admit"):
        known = beside(beside(audience.profiles, segmentation.columns), arms)
        admission = select_recipients(request, known, audience, compiled, assignment, held_out)
        ahead = None
        if outlined is not None:
            settings = tuned_spec(request.workspace.spec.recommend, model)
            ahead = choose_ahead(request, source, compiled, assignment, known, admission, settings)
            if ahead is not None:
                outlined(
                    Outline(request, source, segmentation, compiled, assignment, admission, known, ahead)
                )
    # Nothing that is shown before needs it, and it would slow that down.
    marking = meanwhile(partial(run_fingerprint, request, compiled, audience, model))
    asked = strategies(request, audience.profiles.num_rows, assignment)
    alike = list(asked) == [request.spec.recommendations.strategy] and audience.shown is None
    if shared is not None and alike:
        recommendations, everyone = shared(request, compiled, stages)
    else:
        with stages("recommend") as progress:
            given = (request, audience, segmentation, model)
            recommendations = recommend(*given, progress, assignment, spare=compiled.spare)
            lists = recommend_asked_lists(*given, compiled)
        everyone = join_columns(audience, segmentation, recommendations, lists)
    with stages("choose"):
        everyone = beside(everyone, arms)
        choices = ahead or choose_blocks(
            compiled,
            everyone,
            now=request.now,
            interactions=audience.interactions,
            rows=admission.admitted,
        )
    mark = marking.result()
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
