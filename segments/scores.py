"""Predictive scores: how likely a purchase or the loss of a buyer is, and how much will be spent.

A model learns from how profiles were two horizons ago and what they did in the horizon after; it is judged on
the next horizon, which it has not seen. What falls below the stated quality is not published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from mailwright.errors import DataError, UsageError, did_you_mean
from mailwright.model.identity import fingerprint
from mailwright.model.learned import MIN_AUC, Learner
from segments.matrix import Floats
from segments.scoremodel import Quality, ScoreModel, below
from segments.targets import TARGETS, Cohort, Target, cohort_at, outcomes

LEAST_ROWS, LEAST_CASES = 200, 30


@dataclass(frozen=True)
class Score:
    """One number per profile, with the version of the model that computed it.

    ``values`` is a nullable column of doubles, rows as in the profiles: NULL where the question makes no
    sense, and everywhere when the score is not ``published`` (``note`` says why). ``model`` is None for a
    score that was computed elsewhere.
    """

    name: str
    version: str
    values: pa.Array
    published: bool
    note: str = ""
    quality: Quality | None = None
    model: ScoreModel | None = None
    _cohort: Cohort | None = field(default=None, repr=False, compare=False)

    def reasons(self, rows: Sequence[int]) -> list[tuple[str, ...]]:
        """For each of the rows, the features that move its score most (``ScoreModel.reasons``)."""
        if self.model is None or self._cohort is None:
            return [() for _ in rows]
        return self.model.reasons(self._cohort, rows)


def fit_scores(
    profiles: pa.Table,
    interactions: pa.Table,
    items: pa.Table,
    *,
    now: datetime,
    targets: Sequence[str] = tuple(TARGETS),
    learner: Learner = "boosting",
    min_auc: float = MIN_AUC,
    seed: int = 0,
) -> dict[str, Score]:
    """The scores of all profiles as of ``now``, by target (``segments.targets.TARGETS``).

    ``learner``: gradient boosting, or one that can be read: ``linear`` (logistic, least squares) or a shallow
    ``tree``. Probabilities are calibrated. Raises UsageError for an unknown target.
    """
    for name in targets:
        if name not in TARGETS:
            raise UsageError(f"unknown score {name!r}", fix=did_you_mean(name, TARGETS))
    known: dict[datetime, Cohort] = {}

    def then(at: datetime) -> Cohort:
        if at not in known:
            known[at] = cohort_at(profiles, interactions, items, at)
        return known[at]

    today = then(now)
    scores: dict[str, Score] = {}
    with threadpool_limits(1):  # sums in the same order on every run
        for name in targets:
            model = _fit(TARGETS[name], profiles, interactions, then, now, learner, min_auc, seed)
            values = model.values(today)
            scores[name] = Score(
                name, model.version, values, model.published, model.note, model.quality, model, today
            )
    return scores


def take_score(
    frame: pa.Table,
    column: str,
    *,
    name: str,
    version: str,
    high: float | None = 1.0,
    auc: float | None = None,
    min_auc: float = MIN_AUC,
) -> Score:
    """A score that someone else computed, under the same terms: a number from 0 to ``high``, with a version.

    Values outside become NULL and are counted in ``note``. With ``auc``, what its maker measured, below
    ``min_auc`` it is not published. Raises DataError when there is no such number.
    """
    if column not in frame.column_names:
        raise DataError(f"there is no column {column!r}", fix=did_you_mean(column, frame.column_names))
    try:
        values = frame[column].cast(pa.float64()).combine_chunks()
    except pa.ArrowException as error:
        raise DataError(f"{column} cannot be a score: it holds {frame[column].type}") from error
    if auc is not None and auc < min_auc:
        nothing = pa.nulls(len(values), pa.float64())
        return Score(name, version, nothing, False, below(auc, min_auc))
    bad = pc.or_(pc.invert(pc.is_finite(values)), pc.less(values, 0.0))
    if high is not None:
        bad = pc.or_(bad, pc.greater(values, high))
    count = pc.sum(bad).as_py() or 0
    note = f"{count} values are not between 0 and {high} and were set aside" if count else ""
    return Score(name, version, pc.if_else(bad, None, values), True, note)


def _fit(
    target: Target, profiles: pa.Table, interactions: pa.Table, then: Callable[[datetime], Cohort],
    now: datetime, learner: Learner, min_auc: float, seed: int,
) -> ScoreModel:  # fmt: skip
    import sklearn  # takes seconds, and most commands fit nothing

    from segments.learners import fit_learner

    horizon = timedelta(days=target.days)
    past = [then(now - steps * horizon) for steps in (2, 1)]
    happened = [outcomes(profiles, interactions, target, now - steps * horizon) for steps in (2, 1)]
    rows = [cohort.asked(target) for cohort in past]
    train, test = (
        (cohort.matrix[inside], outcome[inside])
        for cohort, outcome, inside in zip(past, happened, rows, strict=True)
    )
    version = fingerprint(
        target.name, learner, seed, sklearn.__version__, *(part.tobytes() for part in (*train, *test))
    )[:12]
    model = ScoreModel(target.name, learner, version, now.isoformat())
    if note := _too_little(train[1], test[1]):
        return replace(model, note=note)
    quality = _quality(target, fit_learner(learner, target.money, *train, seed)(test[0]), test[1])
    model = replace(model, quality=quality)
    if quality.auc < min_auc:
        return replace(model, note=below(quality.auc, min_auc))
    both = np.vstack([train[0], test[0]]), np.concatenate([train[1], test[1]])
    usual = [
        np.nan if np.isnan(column).all() else float(np.nanmedian(column)) for column in then(now).matrix.T
    ]
    return replace(model, usual=tuple(usual), fitted=fit_learner(learner, target.money, *both, seed))


def _too_little(*outcomes_: Floats) -> str:
    for values in outcomes_:
        cases = int(min((values > 0).sum(), (values <= 0).sum()))
        if len(values) < LEAST_ROWS or cases < LEAST_CASES:
            return (
                f"not published: {len(values)} profiles with {cases} of the rarer outcome are too few"
                f" ({LEAST_ROWS} and {LEAST_CASES} are needed in both periods)"
            )
    return ""


def _quality(target: Target, predicted: Floats, happened: Floats) -> Quality:
    from sklearn.metrics import brier_score_loss, mean_absolute_error, roc_auc_score

    best = np.argsort(-predicted, kind="stable")[: max(1, len(predicted) // 10)]
    mean = float(happened.mean())
    error = mean_absolute_error if target.money else brier_score_loss
    return Quality(
        auc=float(roc_auc_score(happened > 0, predicted)),
        lift=float(happened[best].mean() / mean),
        error=float(error(happened, predicted)),
        base_error=float(error(happened, np.full(len(happened), mean))),
        rows=len(happened),
        rate=mean,
    )
