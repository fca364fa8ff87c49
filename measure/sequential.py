"""A test that may be looked at every day: always-valid p-values and confidence sequences.

The mixture sequential probability ratio test with a normal mixture (Johari, Koomen, Pekelis & Walsh,
"Always valid inference: continuous monitoring of A/B tests", Operations Research 70 (2022); Robbins,
"Statistical methods related to the law of the iterated logarithm", 1970) on the difference of two means.
Its interval is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas
("Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52 (2024),
theorem 2.2): the chance that it *ever* leaves out the truth is at most alpha. Being asymptotic it is not
to be believed before each arm has some events of both kinds: see ``experiments.MIN_EVENTS``.
"""

from __future__ import annotations

import numpy as np
import scipy

from measure.rates import Difference, Floats, Sample


def mixture_variance(horizon: float, alpha: float) -> float:
    """The mixture's variance (of the effect, in units of one profile's variance) for a given horizon.

    It makes the sequence tightest at ``horizon`` profiles in all (Waudby-Smith et al., appendix B.2), and
    must not depend on what has been seen. ``rho² = (-W₋₁(-α²/e) - 1) / horizon`` with Lambert's W.
    """
    return float((-scipy.special.lambertw(-(alpha**2) / np.e, k=-1).real - 1) / horizon)


def sequential_difference(a: Sample, b: Sample, *, alpha: float, horizon: float) -> Difference:
    """How much larger the mean of B is than that of A, valid at every look at once.

    NaN where either sample has fewer than two; a sample without any spread gives no interval.
    """
    n = a.n + b.n
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # The variance of one profile's part in the difference: n * Var(mean_b - mean_a).
        unit = n * (a.variance / a.n + b.variance / b.n)
        unit = np.where(unit > 0, unit, np.nan)
        value = np.asarray(b.mean - a.mean)
        rho = mixture_variance(horizon, alpha)
        half = np.sqrt(unit) * _width(n, rho, alpha)
        log_ratio = n**2 * rho * value**2 / (2 * unit * (n * rho + 1)) - 0.5 * np.log1p(n * rho)
        p = np.minimum(1.0, np.exp(-log_ratio))
    return Difference(value, value - half, value + half, p)


def profiles_needed(
    effect: float, unit_variance: float, *, alpha: float, power: float, horizon: float
) -> float:
    """Profiles, in all arms of the comparison, after which the sequence shows ``effect`` with this power.

    At a look at n profiles the estimate is normal with variance ``unit_variance / n``; sought is the n at
    which the sequence's half width and the power's quantile together fit into the effect.
    """
    if effect == 0:
        return float("inf")
    rho = mixture_variance(horizon, alpha)
    sigma = np.sqrt(unit_variance)
    z = scipy.stats.norm.ppf(power)

    def missing(log_n: float) -> float:
        n = np.exp(log_n)
        return float(sigma * (_width(np.asarray(n), rho, alpha) + z / np.sqrt(n)) - abs(effect))

    low, high = np.log(2.0), np.log(1e15)
    if missing(low) <= 0:
        return 2.0
    if missing(high) > 0:
        return float("inf")
    return float(np.ceil(np.exp(scipy.optimize.brentq(missing, low, high))))


def _width(n: Floats, rho: float, alpha: float) -> Floats:
    """Half width of the sequence after n profiles, in standard deviations of one profile."""
    scaled = n * rho + 1
    return np.asarray(np.sqrt(2 * scaled / (n**2 * rho) * np.log(np.sqrt(scaled) / alpha)))
