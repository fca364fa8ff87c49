"""The models behind scores: each takes a matrix with NaN for what is missing, and gives a number a row.

Imported by who fits: scikit-learn takes seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from segments.fitted import Fitted
from segments.matrix import Floats

DEPTH = 4
"""Of the shallow tree: at most sixteen kinds of people, which fit on a page."""
ISOTONIC_CASES = 1_000
"""Isotonic calibration bends to noise with fewer cases (Niculescu-Mizil and Caruana, 2005)."""

LEAST_KNOWN = 30
"""Profiles of whom a feature must be known before it is used."""


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
