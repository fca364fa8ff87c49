"""What changed between two runs: who came and went, and which distributions moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from segments.assign import COLUMN

WATCH, ALERT = 0.1, 0.25
"""Population stability index: below 0.1 stable, above 0.25 a shift. Siddiqi, Credit Risk Scorecards, 2006."""
MAX_CHURN = 0.3
"""Of the profiles that both runs knew: the share of a segment's members that changed before it is an
alert."""
BINS = 10
_LEAST = 1e-4
"""The share that stands for an empty bin: the index has a logarithm."""


@dataclass(frozen=True)
class Churn:
    """How one segment's membership changed, among the profiles that both runs knew."""

    before: int
    after: int
    joined: int
    left: int

    @property
    def rate(self) -> float:
        """Those who joined or left, over all who were ever in; 0 for a segment that stayed empty."""
        ever = self.before + self.joined
        return (self.joined + self.left) / ever if ever else 0.0


@dataclass(frozen=True)
class Drift:
    """``churn`` and ``share_psi`` by segment, ``psi`` by watched column; profiles that came and went."""

    churn: Mapping[str, Churn]
    share_psi: Mapping[str, float]
    psi: Mapping[str, float]
    new_profiles: int
    gone_profiles: int
    alerts: tuple[str, ...] = ()


def measure_drift(before: pa.Table, after: pa.Table) -> Drift:
    """The drift from ``before`` to ``after``: tables of ``profile_id``, booleans (``segment:<name>``, or
    other groups) and numeric columns.

    Segments and columns that only one of them has are left out. Deterministic in the rows' order.
    """
    common = [name for name in after.column_names if name in before.column_names and name != "profile_id"]
    segments = [name for name in common if _is_membership(after, name) and _is_membership(before, name)]
    numeric = [name for name in common if _is_numeric(after, name) and _is_numeric(before, name)]
    places = pc.index_in(after["profile_id"], value_set=before["profile_id"].combine_chunks())
    known = pc.is_valid(places)
    old, new = before.take(places.filter(known)), after.filter(known)
    churn = {name.removeprefix(COLUMN): _churn(old[name], new[name]) for name in segments}
    shares = {name.removeprefix(COLUMN): _share_psi(before[name], after[name]) for name in segments}
    psi = {name: population_stability(_numbers(before, name), _numbers(after, name)) for name in numeric}
    drift = Drift(churn, shares, psi, after.num_rows - new.num_rows, before.num_rows - old.num_rows)
    return Drift(**{**drift.__dict__, "alerts": tuple(_alerts(drift))})


def population_stability(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> float:
    """The population stability index: Σ (a - b) ln(a / b) over shares of bins.

    The bins are the deciles of ``before`` (equal ones merged), and one for what is missing (NaN).
    """
    seen = before[~np.isnan(before)]
    edges = np.unique(np.quantile(seen, np.linspace(0, 1, BINS + 1)[1:-1])) if seen.size else np.array([])
    # The deciles of counts are values that many share: each is a bin of its own, so that leaving it is seen.
    edges = np.unique(np.concatenate([np.nextafter(edges, -np.inf), edges]))
    return _psi(_bin(before, edges), _bin(after, edges))


def _bin(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    missing = np.isnan(values)
    places = np.searchsorted(edges, values[~missing], side="left")
    return np.append(np.bincount(places, minlength=len(edges) + 1), missing.sum()).astype(np.float64)


def _psi(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> float:
    if not before.sum() or not after.sum():
        return 0.0
    a, b = (np.maximum(counts / counts.sum(), _LEAST) for counts in (after, before))
    return float(np.sum((a - b) * np.log(a / b)))


def _share_psi(before: pa.ChunkedArray, after: pa.ChunkedArray) -> float:
    counts = [
        np.array([(pc.sum(column).as_py() or 0), len(column)], dtype=np.float64) for column in (before, after)
    ]
    inside_out = [np.array([inside, size - inside]) for inside, size in counts]
    return _psi(inside_out[0], inside_out[1])


def _churn(before: pa.ChunkedArray, after: pa.ChunkedArray) -> Churn:
    old, new = (pc.fill_null(column, False).to_numpy().astype(np.bool_) for column in (before, after))
    return Churn(int(old.sum()), int(new.sum()), int((new & ~old).sum()), int((old & ~new).sum()))


def _is_membership(table: pa.Table, name: str) -> bool:
    return bool(pa.types.is_boolean(table.schema.field(name).type))


def _is_numeric(table: pa.Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _numbers(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    column = table[name].cast(pa.float64())
    return np.asarray(pc.fill_null(column, math.nan).to_numpy(), dtype=np.float64)


def _alerts(drift: Drift) -> list[str]:
    found = [
        (
            churn.rate,
            f"{name}: {churn.joined} joined and {churn.left} left ({churn.rate:.0%} of all members changed)",
        )
        for name, churn in drift.churn.items()
        if churn.rate > MAX_CHURN
    ]
    moved = [(psi, f"the share of {name}") for name, psi in drift.share_psi.items()]
    moved += [(psi, f"the distribution of {name}") for name, psi in drift.psi.items()]
    found += [(psi, f"{what} has shifted (PSI {psi:.2f})") for psi, what in moved if psi > ALERT]
    found += [(psi, f"{what} is moving (PSI {psi:.2f})") for psi, what in moved if WATCH < psi <= ALERT]
    return [text for _, text in sorted(found, key=lambda pair: -pair[0])]
