"""Predictive scores: how likely a purchase or the loss of a buyer is, and how much will be spent.

A model learns from how profiles were two horizons ago and what they did in the horizon after; it is judged on
the next horizon, which it has not seen. What falls below the stated quality is not published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sklearn
from sklearn.metrics import brier_score_loss, mean_absolute_error, roc_auc_score
from threadpoolctl import threadpool_limits

from mailwright.errors import DataError, UsageError, did_you_mean
from mailwright.model.identity import fingerprint
from segments.learners import fit_learner
from segments.matrix import Floats
from segments.targets import TARGETS, Cohort, Target, cohort_at, outcomes

Learner = Literal["boosting", "linear", "tree"]
MIN_AUC = 0.65
"""Below it a score says too little to be acted on."""
LEAST_ROWS, LEAST_CASES = 200, 30
REASONS = 3


@dataclass(frozen=True)
class Quality:
    """How good a score was on the horizon held back.

    ``auc`` is the area under the ROC curve (of spending anything, for money); ``lift`` how many times more of
    the outcome the best tenth has than all; ``error`` the Brier score, or for money the mean absolute error;
    ``base_error`` that of giving everyone the average.
    """

    auc: float
    lift: float
    error: float
    base_error: float
    rows: int
    rate: float


@dataclass(frozen=True)
class Score:
    """One number per profile, with the version of the model that computed it.

    ``values`` is a nullable column of doubles, rows as in the profiles: NULL where the question makes no
    sense, and everywhere when the score is not ``published`` (``note`` says why).
    """

    name: str
    version: str
    values: pa.Array
    published: bool
    note: str = ""
    quality: Quality | None = None
    _model: Any = field(default=None, repr=False, compare=False)
    _cohort: Cohort | None = field(default=None, repr=False, compare=False)

    def reasons(self, rows: Sequence[int]) -> list[tuple[str, ...]]:
        """For each of the rows, the features that move its score most, strongest first.

        The effect of a feature is the change of the score when it is set to its median over all profiles,
        the others staying as they are. Empty where there is no score, and for one that was computed
        elsewhere.
        """
        if self._model is None or self._cohort is None or not self.published:
            return [() for _ in rows]
        matrix, names = self._cohort.matrix[list(rows)], self._cohort.features
        whole = self._cohort.matrix.T
        usual = np.array([np.nan if np.isnan(column).all() else np.nanmedian(column) for column in whole])
        given = self._model(matrix)
        effects = np.empty(matrix.shape)
        for n in range(matrix.shape[1]):
            changed = matrix.copy()
            changed[:, n] = usual[n]
            effects[:, n] = given - self._model(changed)
        known = self.values.take(pa.array(list(rows), pa.int64())).is_valid().to_pylist()
        return [
            _sentences(names, matrix[i], usual, effects[i]) if known[i] else () for i in range(len(matrix))
        ]


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
    today = cohort_at(profiles, interactions, items, now)
    with threadpool_limits(1):  # sums in the same order on every run
        return {
            name: _fit(TARGETS[name], profiles, interactions, items, now, today, learner, min_auc, seed)
            for name in targets
        }


def take_score(frame: pa.Table, column: str, *, name: str, version: str, high: float | None = 1.0) -> Score:
    """A score that someone else computed, under the same terms: a number from 0 to ``high``, with a version.

    Values outside become NULL and are counted in ``note``. Raises DataError when there is no such number.
    """
    if column not in frame.column_names:
        raise DataError(f"there is no column {column!r}", fix=did_you_mean(column, frame.column_names))
    try:
        values = frame[column].cast(pa.float64()).combine_chunks()
    except pa.ArrowException as error:
        raise DataError(f"{column} cannot be a score: it holds {frame[column].type}") from error
    bad = pc.or_(pc.invert(pc.is_finite(values)), pc.less(values, 0.0))
    if high is not None:
        bad = pc.or_(bad, pc.greater(values, high))
    count = pc.sum(bad).as_py() or 0
    note = f"{count} values are not between 0 and {high} and were set aside" if count else ""
    return Score(name, version, pc.if_else(bad, None, values), True, note)


def _fit(
    target: Target, profiles: pa.Table, interactions: pa.Table, items: pa.Table, now: datetime,
    today: Cohort, learner: Learner, min_auc: float, seed: int,
) -> Score:  # fmt: skip
    horizon = timedelta(days=target.days)
    past = [cohort_at(profiles, interactions, items, now - steps * horizon) for steps in (2, 1)]
    happened = [outcomes(profiles, interactions, target, now - steps * horizon) for steps in (2, 1)]
    rows = [cohort.asked(target) for cohort in past]
    train, test = (
        (cohort.matrix[inside], outcome[inside])
        for cohort, outcome, inside in zip(past, happened, rows, strict=True)
    )
    nothing = pa.nulls(profiles.num_rows, pa.float64())
    version = fingerprint(
        target.name, learner, seed, sklearn.__version__, *(part.tobytes() for part in (*train, *test))
    )[:12]
    if note := _too_little(train[1], test[1]):
        return Score(target.name, version, nothing, False, note)
    quality = _quality(target, fit_learner(learner, target.money, *train, seed)(test[0]), test[1])
    if quality.auc < min_auc:
        note = f"not published: its AUC is {quality.auc:.2f}, below {min_auc:.2f}"
        return Score(target.name, version, nothing, False, note, quality)
    both = np.vstack([train[0], test[0]]), np.concatenate([train[1], test[1]])
    model = fit_learner(learner, target.money, *both, seed)
    values = pa.array(model(today.matrix), mask=~today.asked(target))
    return Score(target.name, version, values, True, "", quality, model, today)


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


def _sentences(names: Sequence[str], row: Floats, usual: Floats, effects: Floats) -> tuple[str, ...]:
    strongest = [n for n in np.argsort(-np.abs(effects), kind="stable")[:REASONS] if abs(effects[n]) > 1e-6]
    return tuple(
        f"{names[n].replace('_', ' ')} is {'unknown' if np.isnan(row[n]) else format(row[n], ',.4g')}"
        f" (usually {usual[n]:,.4g}): {effects[n]:+.3g}"
        for n in strongest
    )
