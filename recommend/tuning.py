"""The search for parameters: random, on a window before the present, model first and blend after.

What is learned (factors, epochs …) costs a training a trial, what is only weighed (the blend, half-life of
popularity) costs a ranking, so the second search runs many more trials on the best model of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from mailwright.model.workspace import RecommendSpec
from recommend.chain import fill
from recommend.context import read_context
from recommend.evaluation import WINDOW_DAYS, all_in_stock, before, wanted
from recommend.metrics import judge
from recommend.model import Model
from recommend.tiers import open_tiers
from recommend.training import train

MODEL_SPACE: Mapping[str, tuple[Any, ...]] = {
    "factors": (32, 64, 96, 128),
    "epochs": (14, 21, 28),
    "negatives": (4, 8, 12),
    "half_life_days": (21.0, 42.0, 84.0),
}
BLEND_SPACE: Mapping[str, tuple[Any, ...]] = {
    "blend.factors": (0.5, 1.0, 1.5, 2.0),
    "blend.neighbours": (0.0, 0.5, 1.0, 1.5),
    "blend.popularity": (1.0, 2.0, 3.0, 4.0),
    "blend.own": (2.0, 4.0, 8.0, 16.0),
    "popularity_half_life_days": (3.0, 4.0, 7.0, 14.0),
    "min_interactions": (1, 3, 6),
}


@dataclass(frozen=True)
class Trial:
    """Parameters, and the nDCG they reached on the validation window."""

    parameters: dict[str, Any]
    ndcg: float


@dataclass(frozen=True)
class Tuning:
    """The best spec found, and everything tried, in order."""

    spec: RecommendSpec
    trials: tuple[Trial, ...]
    cut: str
    """Trained up to here, judged on what came after."""
    n: int
    model: Model = field(compare=False)
    """The best one, trained up to the cut."""

    def summary(self) -> dict[str, Any]:
        """What is written down with the model (``train(…, tuning=…)``)."""
        best = max(self.trials, key=lambda trial: trial.ndcg)
        return {
            "cut": self.cut,
            "n": self.n,
            "trials": len(self.trials),
            "ndcg": best.ndcg,
            **best.parameters,
        }


def tune(
    profiles: pa.Table,
    interactions: pa.Table,
    items: pa.Table,
    spec: RecommendSpec,
    *,
    now: datetime,
    seed: int,
    models: int = 8,
    blends: int = 40,
    model: Model | None = None,
    n: int = 10,
    window_days: int = WINDOW_DAYS,
    progress: Callable[[int, int], None] | None = None,
) -> Tuning:
    """Search ``models`` settings of the model, then ``blends`` of the blend; the given spec comes first.

    With ``model``, one that was trained up to the cut, only the blend is searched. The same arguments give
    the same search. Raises DataError when nothing happened in the window.
    """
    cut = now - timedelta(days=window_days)
    items, past = all_in_stock(items), before(interactions, cut)
    rng = np.random.default_rng(seed)
    trials: list[Trial] = []

    def rank(model: Model, candidate: RecommendSpec) -> float:
        context = read_context(model, profiles, past, items, candidate, cut)
        relevant = wanted(context, interactions, items, now)
        judged = np.flatnonzero(np.diff(relevant.indptr))
        found = fill(context, open_tiers(context), n=n, only=judged.tolist())
        return float(judge(found.items, relevant[judged]).ndcg.mean())

    def record(parameters: dict[str, Any], ndcg: float) -> None:
        trials.append(Trial(parameters, ndcg))
        if progress is not None:
            progress(len(trials), models + blends)

    best = _Best(spec, model, -1.0)
    for number in range(models if model is None else 1):
        parameters = {} if number == 0 else _draw(rng, MODEL_SPACE)
        candidate = with_parameters(spec, parameters)
        trained = model or train(past, items, candidate, now=cut, seed=seed)
        ndcg = rank(trained, candidate)
        record(parameters, ndcg)
        if ndcg > best.ndcg:
            best = _Best(candidate, trained, ndcg)
    chosen = best.model
    assert chosen is not None
    learned = {name: getattr(best.spec, name) for name in MODEL_SPACE}
    start = best.spec
    for _ in range(blends):
        drawn = _draw(rng, BLEND_SPACE)
        candidate = with_parameters(start, drawn)
        ndcg = rank(chosen, candidate)
        record(learned | drawn, ndcg)
        if ndcg > best.ndcg:
            best = _Best(candidate, chosen, ndcg)
    return Tuning(best.spec, tuple(trials), cut.isoformat(), n, chosen)


@dataclass(frozen=True)
class _Best:
    spec: RecommendSpec
    model: Model | None
    ndcg: float


def with_parameters(spec: RecommendSpec, parameters: Mapping[str, Any]) -> RecommendSpec:
    """The spec with some values changed; ``blend.own`` names one inside the blend."""
    blend = {
        name.removeprefix("blend."): value for name, value in parameters.items() if name.startswith("blend.")
    }
    top = {name: value for name, value in parameters.items() if not name.startswith("blend.")}
    return spec.model_copy(update={**top, "blend": spec.blend.model_copy(update=blend)})


def _draw(rng: np.random.Generator, space: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    return {name: values[int(rng.integers(len(values)))] for name, values in space.items()}
