"""Which recommendation model a workspace uses, and how a new one comes into its place.

Without a word from anybody the model follows from the data, the day and the seed (``engine.trained_model``).
``mailwright train`` makes a candidate, judges it on what happened after a cut, and puts it in place only when
it beats the one there, or is the same recipe trained on newer data; from then on that model is used until the
next one, or until a rollback.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from audience import Audience
from mailwright.errors import DataError, ModelError
from mailwright.model.workspace import RecommendSpec
from mailwright.progress import Stages
from mailwright.workspace import Workspace
from recommend import Evaluation, Model, ModelVersions, evaluate, train, tune
from recommend.evaluation import Verdict
from recommend.tuning import BLEND_SPACE, MODEL_SPACE, with_parameters

TUNED = frozenset({*MODEL_SPACE, *BLEND_SPACE})
"""The parameters that a search may change."""


@dataclass(frozen=True)
class Candidate:
    """A newly trained model, how it was judged, and whether it is in place now.

    ``evaluation`` and ``verdict`` are None, and ``unjudged`` says why, when the data could not judge it.
    """

    name: str
    model: Model
    evaluation: Evaluation | None
    verdict: Verdict | None
    promoted: bool
    unjudged: str = ""


def shelf(workspace: Workspace) -> ModelVersions:
    """The models that ``mailwright train`` made of this workspace."""
    return ModelVersions(workspace.state / "models")


def training_clock(now: datetime) -> datetime:
    """The instant up to which a model learns: midnight (UTC) before ``now``; a day has one model."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def tuned_spec(spec: RecommendSpec, model: Model) -> RecommendSpec:
    """The workspace's settings with what a search found for this model."""
    found: dict[str, Any] = model.info.tuning or {}
    return with_parameters(spec, {name: value for name, value in found.items() if name in TUNED})


def train_candidate(
    workspace: Workspace,
    audience: Audience,
    segments: pa.Table,
    stages: Stages,
    *,
    now: datetime,
    seed: int,
    search: bool = False,
    warm: bool = False,
    force: bool = False,
) -> Candidate:
    """Train, judge and, when it may be, promote.

    ``search`` tunes first; ``warm`` goes on from the model in place; ``force`` promotes regardless. What is
    judged is the recipe, trained from scratch up to the cut: a warm start has seen what comes after it.
    Raises ModelError for a warm start without a model in place.
    """
    start = shelf(workspace).current() if warm else None
    spec = workspace.spec.recommend
    data = (audience.profiles, audience.interactions, audience.items)
    tuning = None
    if search:
        with stages("tune") as progress:
            found = tune(*data, spec, now=now, seed=seed, progress=progress)
            spec, tuning = found.spec, found.summary()
    with stages("train") as progress:
        model = train(
            *data[1:], spec, now=training_clock(now), seed=seed, tuning=tuning, start=start, progress=progress
        )
    versions = shelf(workspace)
    with stages("evaluate") as progress:
        try:
            judged = evaluate(*data, spec, now=now, seed=seed, segments=segments, progress=progress)
        except DataError as error:
            name = versions.add(model)
            versions.promote(name)
            return Candidate(name, model, None, None, True, error.what)
        in_place, same = None, False
        with suppress(ModelError):  # none in place, or a damaged one: the new one stands for itself
            theirs = tuned_spec(workspace.spec.recommend, versions.current())
            same = theirs == spec
            in_place = judged if same else evaluate(*data, theirs, now=now, seed=seed)
        verdict = judged.verdict(in_place, same_recipe=same, seed=seed)
    name = versions.add(model, judged)
    promoted = verdict.promote or force
    if promoted:
        versions.promote(name)
    return Candidate(name, model, judged, verdict, promoted)
