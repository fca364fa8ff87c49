"""A predictive score as it was fitted: enough to score any profile, to say why, and to be kept."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa

from mailwright.errors import ModelError
from segments.fitted import Fitted, load_estimator
from segments.matrix import Floats
from segments.targets import TARGETS, Cohort, Target

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
class ScoreModel:
    """The answer to one target's question, fitted at one moment; ``note`` says why it is not published.

    ``usual`` is the median of each feature over all profiles at that moment.
    """

    target: str
    learner: str
    version: str
    fitted_at: str
    note: str = ""
    quality: Quality | None = None
    usual: tuple[float, ...] = ()
    fitted: Fitted | None = field(default=None, repr=False, compare=False)

    @property
    def published(self) -> bool:
        """Whether it may be acted on."""
        return self.fitted is not None

    @property
    def asks(self) -> Target:
        """The question."""
        return TARGETS[self.target]

    def held_to(self, min_auc: float) -> ScoreModel:
        """The same model, unpublished when its quality is below ``min_auc``."""
        if self.fitted is None or self.quality is None or self.quality.auc >= min_auc:
            return self
        return replace(self, fitted=None, note=below(self.quality.auc, min_auc))

    def values(self, cohort: Cohort) -> pa.Array:
        """The score of each row; NULL where the question makes no sense, and everywhere if unpublished."""
        if self.fitted is None:
            return pa.nulls(len(cohort.matrix), pa.float64())
        return pa.array(self.fitted(cohort.matrix), mask=~cohort.asked(self.asks))

    def reasons(self, cohort: Cohort, rows: Sequence[int]) -> list[tuple[str, ...]]:
        """For each of the rows, the features that move its score most, strongest first.

        The effect of a feature is the change of the score when it is set to its median over all profiles,
        the others staying as they are. Empty where there is no score.
        """
        if self.fitted is None:
            return [() for _ in rows]
        matrix, usual = cohort.matrix[list(rows)], np.array(self.usual)
        effects = np.empty(matrix.shape)
        given = self.fitted(matrix)
        for n in range(matrix.shape[1]):
            changed = matrix.copy()
            changed[:, n] = usual[n]
            effects[:, n] = given - self.fitted(changed)
        known = cohort.asked(self.asks)[list(rows)]
        return [
            _sentences(cohort.features, matrix[i], usual, effects[i]) if known[i] else ()
            for i in range(len(matrix))
        ]

    def save(self, folder: Path) -> None:
        """Writes ``score.json`` and, of a published one, ``score.skops`` (data only, nothing that runs)."""
        folder.mkdir(parents=True, exist_ok=True)
        kept: dict[str, Any] = {
            name: getattr(self, name) for name in ("target", "learner", "version", "fitted_at", "note")
        }
        kept |= {"quality": None if self.quality is None else asdict(self.quality)}
        kept |= {"usual": [None if math.isnan(value) else value for value in self.usual]}
        if self.fitted is not None:
            kept |= {"told": self.fitted.told.tolist(), "mean": self.fitted.mean}
            (folder / "score.skops").write_bytes(self.fitted.dump())
        (folder / "score.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")


def load_score(folder: Path) -> ScoreModel:
    """The model that ``ScoreModel.save`` wrote. Raises ModelError when it is missing or damaged."""
    try:
        kept = json.loads((folder / "score.json").read_text(encoding="utf-8"))
        fitted = None
        if "told" in kept:
            told = np.array(kept["told"], dtype=np.int64)
            estimator = load_estimator((folder / "score.skops").read_bytes())
            fitted = Fitted(told, TARGETS[kept["target"]].money, kept["mean"], estimator)
        return ScoreModel(
            target=kept["target"],
            learner=kept["learner"],
            version=kept["version"],
            fitted_at=kept["fitted_at"],
            note=kept["note"],
            quality=None if kept["quality"] is None else Quality(**kept["quality"]),
            usual=tuple(math.nan if value is None else value for value in kept["usual"]),
            fitted=fitted,
        )
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, BadZipFile,
    ) as error:  # fmt: skip
        raise ModelError(f"no score can be read from {folder}: {error}", fix="fit it again") from error


def below(auc: float, least: float) -> str:
    """Why a score of that quality is not published."""
    return f"not published: its AUC is {auc:.2f}, below {least:.2f}"


def _sentences(names: Sequence[str], row: Floats, usual: Floats, effects: Floats) -> tuple[str, ...]:
    strongest = [n for n in np.argsort(-np.abs(effects), kind="stable")[:REASONS] if abs(effects[n]) > 1e-6]
    return tuple(
        f"{names[n].replace('_', ' ')} is {_said(row[n])} (usually {_said(usual[n])}): {effects[n]:+.3g}"
        for n in strongest
    )


def _said(value: float) -> str:
    return "unknown" if np.isnan(value) else format(value, ",.4g")
