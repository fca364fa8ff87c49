"""The items of each profile: by the strategy of its arm, and the lists that blocks ask for themselves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audience import Audience
from mailwright.engine.request import Request
from mailwright.errors import ConfigError, Location, did_you_mean
from mailwright.models import tuned_spec
from mailwright.progress import Progress
from mailwright.shown import last_shown
from measure.assignment import Assignment
from recommend import Model, Recommendations, recommend_items
from recommend.asking import asked_columns, recommend_asked
from recommend.mixed import mixed
from recommend.strategies import strategy_names
from render import (
    CompiledCampaign,
)
from segments import Segmentation


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
                last_shown=shown_before(request, audience),
                spare=spare,
                progress=progress,
            ),
        )
        for strategy, rows in strategies(request, audience.profiles.num_rows, assignment).items()
    ]
    return parts[0][1] if len(parts) == 1 else mixed(parts)


def shown_before(request: Request, audience: Audience) -> pa.Table | None:
    """What the last mail before this one showed each profile; None where it may be shown again."""
    return last_shown(audience.shown, campaign=request.campaign, occasion=request.occasion, now=request.now)


def strategies(
    request: Request, rows: int, assignment: Assignment | None = None
) -> dict[str, npt.NDArray[np.int64]]:
    """Strategy → the rows whose arms ask for it; those of no such arm have the campaign's.

    Raises ConfigError for a strategy that there is not.
    """
    known = strategy_names()
    usual = request.spec.recommendations.strategy
    _check_strategy(usual, known, request.file.at("recommendations", "strategy"))
    if all(
        body.strategy is None for spec in request.spec.experiments.values() for body in spec.arms.values()
    ):
        return {usual: np.arange(rows)}
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
            last_shown=shown_before(request, audience),
            spare=compiled.spare,
        ),
        audience.profiles.num_rows,
    )


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


def beside(left: pa.Table, right: pa.Table) -> pa.Table:
    """The columns of two tables of the same rows; of two of one name the right one."""
    for name in right.column_names:
        if name in left.column_names:
            left = left.set_column(left.column_names.index(name), name, right[name])
        else:
            left = left.append_column(name, right[name])
    return left
