"""The models behind scores: each takes a matrix with NaN for what is missing, and gives a number a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import ThreadpoolController

from segments.matrix import Floats

DEPTH = 4
"""Of the shallow tree: at most sixteen kinds of people, which fit on a page."""
ISOTONIC_CASES = 1_000
"""Isotonic calibration bends to noise with fewer cases (Niculescu-Mizil and Caruana, 2005)."""

LEAST_KNOWN = 30
"""Profiles of whom a feature must be known before it is used."""

_TRUSTED = (
    "numpy.dtype",
    "segments.learners._shorten",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
)
"""All that a saved model may be made of beside what skops knows: nothing in the file runs when it is read."""


@dataclass(frozen=True)
class Fitted:
    """A fitted model: calibrated probabilities (0 to 1), or with ``money`` an expectation (0 or more).

    ``told`` are the columns that it reads; ``estimator`` is None where none told enough, and everybody then
    gets ``mean``. Values are whole millionths, of money whole hundredths, so that one profile alone gets
    what it has among all: sums over a matrix may end in other bits than those over a row.
    """

    told: npt.NDArray[np.int64]
    money: bool
    mean: float
    estimator: Any = None

    def __call__(self, rows: Floats) -> Floats:
        if self.estimator is None or not len(rows):
            return np.full(len(rows), self.mean)
        seen = rows[:, self.told]
        with _threads().limit(limits=1):  # for few rows threads cost more than they do
            found = self.estimator.predict(seen) if self.money else self.estimator.predict_proba(seen)[:, 1]
        known = np.maximum(np.asarray(found, dtype=np.float64), 0.0)
        return np.asarray(np.round(known, 2 if self.money else 6), dtype=np.float64)

    def dump(self) -> bytes:
        """The estimator as skops writes it, no pickle."""
        return bytes(skops.io.dumps(self.estimator))


@cache
def _threads() -> ThreadpoolController:
    """Whoever knows the threads of the numeric libraries; looking for them takes longer than a prediction."""
    return ThreadpoolController()


def load_estimator(data: bytes) -> Any:
    """The estimator that ``Fitted.dump`` wrote. Raises what skops raises for anything else."""
    return skops.io.loads(data, trusted=list(_TRUSTED))


def fit_learner(learner: str, money: bool, matrix: Floats, happened: Floats, seed: int) -> Fitted:
    """A model of ``happened`` (0 or 1, or money) by the rows of ``matrix``."""
    # Gradient boosting fails on a column of which one fold knows nothing.
    told = np.flatnonzero((~np.isnan(matrix)).sum(axis=0) >= LEAST_KNOWN)
    mean = float(happened.mean())
    if not len(told):
        return Fitted(told, money, mean)
    matrix = matrix[:, told]
    if money:
        return Fitted(told, money, mean, _regressor(learner, seed).fit(matrix, happened))
    rarer = int(min(happened.sum(), len(happened) - happened.sum()))
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    method = "isotonic" if rarer >= ISOTONIC_CASES else "sigmoid"
    # One model calibrated by what it says of folds it has not seen, not an ensemble: a third of the time.
    classifier = CalibratedClassifierCV(_classifier(learner, seed), method=method, cv=folds, ensemble=False)
    return Fitted(told, money, mean, classifier.fit(matrix, happened.astype(np.int64)))


def _classifier(learner: str, seed: int) -> Any:
    if learner == "boosting":
        return HistGradientBoostingClassifier(
            max_iter=100, learning_rate=0.06, max_leaf_nodes=15, random_state=seed
        )
    if learner == "linear":
        return make_pipeline(*_numbers(), LogisticRegression(C=0.1, max_iter=1_000))
    return make_pipeline(
        _filled(), DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=20, random_state=seed)
    )


def _regressor(learner: str, seed: int) -> Any:
    if learner == "boosting":
        # Money is never negative and mostly zero, which Poisson's loss allows for.
        return HistGradientBoostingRegressor(
            loss="poisson", max_iter=100, learning_rate=0.06, max_leaf_nodes=15, random_state=seed
        )
    if learner == "linear":
        return make_pipeline(*_numbers(), Ridge())
    return make_pipeline(
        _filled(), DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=20, random_state=seed)
    )


def _filled() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _numbers() -> tuple[Any, ...]:
    """Medians for what is missing, logarithms for long tails, then standard deviations."""
    return _filled(), FunctionTransformer(_shorten), StandardScaler()


def _shorten(matrix: Floats) -> Floats:
    return np.asarray(np.sign(matrix) * np.log1p(np.abs(matrix)))
