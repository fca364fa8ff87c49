"""A fitted model of scikit-learn: what it says of a row, and how it is kept without anything that runs.

skops and scikit-learn take seconds to import, so they are where a model is written or read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from segments.matrix import Floats

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
        import skops.io

        return bytes(skops.io.dumps(self.estimator))


@cache
def _threads() -> ThreadpoolController:
    """Whoever knows the threads of the numeric libraries; looking for them takes longer than a prediction."""
    return ThreadpoolController()


def load_estimator(data: bytes) -> Any:
    """The estimator that ``Fitted.dump`` wrote. Raises what skops raises for anything else."""
    import skops.io

    return skops.io.loads(data, trusted=list(_TRUSTED))
