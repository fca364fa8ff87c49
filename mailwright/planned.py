"""What an experiment takes, from the audience that there is and the mails that went before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mailwright.engine import (
    Request,
    Source,
    audience_rule,
    beside,
    declared_experiments,
    holdouts,
    read_workspace,
    segment_audience,
)
from mailwright.errors import UsageError, did_you_mean
from mailwright.model.experiment import ExperimentSpec
from mailwright.progress import Stages
from mailwright.recipients import admit
from mailwright.results import question_of
from mailwright.workspace import Workspace
from measure import Question, held_out_mask, plan_experiment
from measure.planning import ExperimentPlan, History, history_of
from rules import evaluate_rules


@dataclass(frozen=True)
class Planned:
    """A plan, and what it was made of."""

    experiment: str
    campaign: str
    trigger: str | None
    plan: ExperimentPlan
    history: History | None
    """None: the baseline was given."""
    basis: str
    """Of what the baseline is: the mails that it was seen in, or the word of whoever asked."""


def plan_for(
    workspace: Workspace,
    experiment: str,
    *,
    now: datetime,
    campaign: str | None = None,
    baseline: float | None = None,
    minimum_effect: float | None = None,
    stages: Stages,
) -> Planned:
    """Sample size and days of an experiment that a campaign, a trigger or a block declares.

    Without ``baseline`` it is what the campaign's own past mails had, else what all mails had. Raises
    UsageError for an experiment that there is not, or one of several campaigns, and without any history.
    """
    request, spec = find_experiment(workspace, experiment, now=now, campaign=campaign)
    if minimum_effect is not None:
        spec = spec.model_copy(update={"minimum_effect": minimum_effect})
    with stages("read"):
        source = read_workspace(workspace, now=now)
    with stages("history"):
        history, basis = None, "given"
        if baseline is None or spec.metric == "revenue" or request.trigger is not None:
            question = question_of(workspace, now=now, audience=source.audience)
            history, basis = _history(question, request, spec, optional=baseline is not None)
    with stages("audience"):
        audience = addressed(request, source)
    if baseline is None:
        assert history is not None
        baseline = history.mean
    else:
        basis = "given"
    made = plan_experiment(
        spec,
        baseline=baseline,
        audience=audience,
        variance=None if history is None else history.variance,
        profiles_per_day=history.profiles_per_day if history and request.trigger else None,
    )
    return Planned(experiment, request.campaign, request.trigger, made, history, basis)


def find_experiment(
    workspace: Workspace, name: str, *, now: datetime, campaign: str | None = None
) -> tuple[Request, ExperimentSpec]:
    """The campaign (and trigger) that shows the experiment. Raises UsageError for none and for several."""
    found: dict[tuple[str, str | None], tuple[Request, ExperimentSpec]] = {}
    known: set[str] = set()
    for one in [campaign] if campaign is not None else workspace.campaign_files:
        workspace.campaign(one)
        senders = [n for n, file in workspace.trigger_files.items() if one in file.value.campaigns]
        for trigger in (None, *senders):
            request = Request(workspace, one, now, workspace.spec.seed, "", trigger=trigger)
            specs, _ = declared_experiments(request)
            known |= specs.keys()
            its_own = trigger is None or name in workspace.trigger_files[trigger].value.experiments
            if name in specs and its_own:
                found[one, trigger] = request, specs[name]
    if not found:
        fix = did_you_mean(name, known) or "declare it under `experiments` of a campaign"
        raise UsageError(f"there is no experiment {name!r}", fix=fix)
    if len(found) > 1:
        where = ", ".join(sorted({one for one, _ in found}))
        raise UsageError(f"there are several experiments {name!r}: {where}", fix="name one with --campaign")
    return next(iter(found.values()))


def addressed(request: Request, source: Source) -> int:
    """How many profiles the campaign is for today, those held out not counted."""
    audience = source.audience
    segments = segment_audience(request.workspace, audience, now=request.now)
    everyone = beside(audience.profiles, segments.columns)
    rules = {"audience": audience_rule(request)}
    holds = evaluate_rules(rules, everyone, now=request.now, interactions=audience.interactions)
    held = held_out_mask(holdouts(request), everyone["profile_id"])
    found = admit(everyone, holds["audience"], purpose=request.spec.purpose, held_out=held)
    return int(found.admitted.sum())


def _history(
    question: Question, request: Request, spec: ExperimentSpec, *, optional: bool
) -> tuple[History | None, str]:
    """What past mails say: of this trigger or campaign, else of all."""
    assert isinstance(question.messages, pa.Table)
    own = question.messages.filter(pc.equal(question.messages["campaign"], request.campaign))
    if request.trigger is not None:
        own = own.filter(pc.fill_null(pc.equal(own["trigger"], request.trigger), False))
    tries = ((own, f"mails of {request.campaign}"), (question.messages, "mails of all campaigns"))
    for messages, basis in tries:
        if messages.num_rows:
            try:
                return history_of(replace(question, messages=messages), spec.metric), basis
            except UsageError:
                continue
    if optional and spec.metric != "revenue":
        return None, "given"
    raise UsageError(
        "no mail has been sent yet, so there is no history", fix="give a baseline: --baseline 0.04"
    )
