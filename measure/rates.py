"""Rates, their intervals and their differences, for whole columns at once. Zero of zero is unknown (NaN)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.float64]
Numbers = npt.ArrayLike


@dataclass(frozen=True, slots=True)
class Difference:
    """Second minus first, with its interval and the p-value of "they are equal"; NaN where unknown."""

    value: Floats
    low: Floats
    high: Floats
    p: Floats


def rate(hits: Numbers, trials: Numbers) -> Floats:
    """``hits / trials``; NaN where there were no trials."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.asarray(hits, float) / np.asarray(trials, float))


def wilson(hits: Numbers, trials: Numbers, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """The Wilson score interval of a rate: right also for few trials, none outside of [0, 1].

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    n = np.asarray(trials, float)
    z = scipy.stats.norm.isf(alpha / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.asarray(hits, float) / n
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At 0 and at n of n the bound is exact; rounding must not put it a hair's breadth inside or outside.
    low = np.where(p == 0, 0.0, np.clip(centre - half, 0, 1))
    high = np.where(p == 1, 1.0, np.clip(centre + half, 0, 1))
    return low, high


def rate_difference(
    hits_a: Numbers, trials_a: Numbers, hits_b: Numbers, trials_b: Numbers, alpha: float = 0.05
) -> Difference:
    """How much larger rate B is than rate A.

    The interval is Newcombe's hybrid score interval ("Interval estimation for the difference between
    independent proportions", Statistics in Medicine 17 (1998), method 10), the p-value that of the pooled
    z-test (which is the chi-square test of the two by two table without continuity correction).
    """
    xa, na, xb, nb = (np.asarray(column, float) for column in (hits_a, trials_a, hits_b, trials_b))
    a, b = rate(xa, na), rate(xb, nb)
    low_a, high_a = wilson(xa, na, alpha)
    low_b, high_b = wilson(xb, nb, alpha)
    value = b - a
    low = value - np.hypot(b - low_b, high_a - a)
    high = value + np.hypot(high_b - b, a - low_a)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (xa + xb) / (na + nb)
        z = value / np.sqrt(pooled * (1 - pooled) * (1 / na + 1 / nb))
    z = np.where((pooled == 0) | (pooled == 1), 0.0, z)  # nobody did, or everybody: no difference to be seen
    return Difference(value, low, high, _two_sided(z, np.isnan(value)))


def mean_difference(a: Sample, b: Sample, alpha: float = 0.05) -> Difference:
    """How much larger the mean of B is than that of A, by Welch's t (unequal variances)."""
    value = np.asarray(b.mean - a.mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        va, vb = a.variance / a.n, b.variance / b.n
        spread = np.sqrt(va + vb)
        df = (va + vb) ** 2 / (va**2 / (a.n - 1) + vb**2 / (b.n - 1))
        t = value / spread
        half = scipy.stats.t.isf(alpha / 2, df) * spread
        p = np.asarray(2 * scipy.stats.t.sf(np.abs(t), df))
    return Difference(value, value - half, value + half, p)


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample by its sums: how many, how much, and how much squared."""

    n: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, n: Numbers, total: Numbers, squares: Numbers) -> Sample:
        return cls(np.asarray(n, float), np.asarray(total, float), np.asarray(squares, float))

    @classmethod
    def of_rate(cls, hits: Numbers, trials: Numbers) -> Sample:
        """Ones and zeros."""
        return cls.of(trials, hits, hits)

    @property
    def mean(self) -> Floats:
        return rate(self.total, self.n)

    @property
    def variance(self) -> Floats:
        """Unbiased; NaN for fewer than two."""
        with np.errstate(divide="ignore", invalid="ignore"):
            centred = self.squares - self.total**2 / self.n
            found = np.maximum(centred, 0) / (self.n - 1)
        return np.asarray(np.where(self.n > 1, found, np.nan))


def holm(p_values: Numbers) -> Floats:
    """P-values corrected so that the chance of any false alarm among them holds (Holm 1979). NaN stays."""
    p = np.asarray(p_values, float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * (len(order) - np.arange(len(order)))
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1) if len(order) else steps
    return adjusted


def benjamini_hochberg(p_values: Numbers) -> Floats:
    """P-values corrected so that of all finds the stated share is false (Benjamini & Hochberg 1995)."""
    p = np.asarray(p_values, float)
    known = ~np.isnan(p)
    adjusted = np.full(p.shape, np.nan)
    if known.any():
        adjusted[known] = scipy.stats.false_discovery_control(p[known], method="bh")
    return adjusted


def _two_sided(z: Floats, unknown: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(np.where(unknown, np.nan, 2 * scipy.stats.norm.sf(np.abs(z))))
