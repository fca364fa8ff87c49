"""Columns of a frame as a matrix that distances make sense in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailwright.errors import DataError, did_you_mean

Floats = npt.NDArray[np.float64]

SKEWED = 2.0
"""Skewness above which a feature that is never negative is taken as its logarithm: spendings and counts have
a few giants, who would otherwise be the only clusters."""


@dataclass(frozen=True)
class Scaling:
    """How raw columns become comparable: missing ones filled, long tails shortened, centred, divided,
    rotated.

    All arrays have one entry a feature; ``axes`` (None without PCA) is components × features.
    """

    features: tuple[str, ...]
    fill: Floats
    logged: npt.NDArray[np.bool_]
    mean: Floats
    scale: Floats
    axes: Floats | None = None

    def standardise(self, raw: Floats) -> Floats:
        """Each column in standard deviations from its mean (NaN: at the median)."""
        filled = np.where(np.isnan(raw), self.fill, raw)
        shortened = np.where(self.logged, np.log1p(np.maximum(filled, 0)), filled)
        return np.asarray((shortened - self.mean) / self.scale)

    def project(self, raw: Floats) -> Floats:
        """The standardised columns on the principal axes, if there are any."""
        standard = self.standardise(raw)
        return standard if self.axes is None else np.asarray(standard @ self.axes.T)


def fit_scaling(raw: Floats, features: Sequence[str], *, components: int | None = None) -> Scaling:
    """The scaling that ``raw`` (rows × features, NaN: missing) asks for; with ``components`` also PCA."""
    fill = np.array([np.nanmedian(column) if not np.isnan(column).all() else 0.0 for column in raw.T])
    filled = np.where(np.isnan(raw), fill, raw)
    logged = np.array([bool(column.min() >= 0 and _skewness(column) > SKEWED) for column in filled.T])
    shortened = np.where(logged, np.log1p(np.maximum(filled, 0)), filled)
    mean, spread = shortened.mean(axis=0), shortened.std(axis=0)
    scale = np.where(spread > 1e-12, spread, 1.0)
    axes = None
    if components is not None and components < raw.shape[1]:
        _, _, rotation = np.linalg.svd((shortened - mean) / scale, full_matrices=False)
        # A singular vector's sign is arbitrary; the largest entry is made positive, so that runs agree.
        signs = np.sign(rotation[np.arange(len(rotation)), np.abs(rotation).argmax(axis=1)])
        axes = (rotation * signs[:, None])[:components]
    return Scaling(tuple(features), fill, logged, mean, scale, axes)


def numeric_matrix(frame: pa.Table, features: Sequence[str]) -> Floats:
    """The columns as doubles, rows × features; NULL is NaN, a boolean is 0 or 1.

    Raises DataError for a column that is missing or not numeric.
    """
    columns: list[Floats] = []
    for name in features:
        if name not in frame.column_names:
            raise DataError(f"there is no feature {name!r}", fix=did_you_mean(name, frame.column_names))
        column = frame[name]
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise DataError(f"the feature {name!r} is a {kind}, not a number", fix="leave it out")
        numbers = pc.fill_null(column.cast(pa.float64()), math.nan).to_numpy()
        columns.append(np.where(np.isfinite(numbers), numbers, np.nan))
    return np.column_stack(columns) if columns else np.zeros((frame.num_rows, 0))


def _skewness(column: Floats) -> float:
    spread = column.std()
    return float(((column - column.mean()) ** 3).mean() / spread**3) if spread > 1e-12 else 0.0
