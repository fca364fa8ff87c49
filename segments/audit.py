"""What is wrong with a set of segments: too small, overlapping, covering too little, drifting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailwright.errors import DataError
from mailwright.model.segment import SegmentSpec
from segments.assign import COLUMN
from segments.drift import Drift, measure_drift

Matrix = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SegmentAudit:
    """The state of all segments on one run, and what changed since another.

    ``overlap[i, j]`` is how many profiles are in both ``names[i]`` and ``names[j]``; the diagonal holds
    sizes. ``drift`` is None without an earlier run. ``alerts`` are for people, the worst first.
    """

    profiles: int
    names: tuple[str, ...]
    sizes: Mapping[str, int]
    overlap: Matrix
    uncovered: int
    empty: tuple[str, ...] = ()
    tiny: tuple[str, ...] = ()
    same: tuple[tuple[str, str], ...] = ()
    drift: Drift | None = None
    alerts: tuple[str, ...] = field(default=())

    @property
    def coverage(self) -> float:
        """The share of profiles that are in at least one segment; 0 when there are no profiles."""
        return 1 - self.uncovered / self.profiles if self.profiles else 0.0

    def jaccard(self) -> npt.NDArray[np.float64]:
        """Shared members over all members of each pair; 0 for a pair of empty segments."""
        sizes = np.diag(self.overlap)
        union = sizes[:, None] + sizes[None, :] - self.overlap
        return np.where(union > 0, self.overlap / np.maximum(union, 1), 0.0)


def audit_segments(
    members: pa.Table, specs: Mapping[str, SegmentSpec], *, previous: pa.Table | None = None
) -> SegmentAudit:
    """The audit of ``members``: ``profile_id``, a boolean ``segment:<name>`` per segment, and any numeric
    columns whose distribution is to be watched. ``previous`` is the same table of an earlier run.

    Raises DataError when ``profile_id`` is missing.
    """
    if "profile_id" not in members.column_names:
        raise DataError("the audit needs the column profile_id", fix="append the segments to the profiles")
    names = tuple(name.removeprefix(COLUMN) for name in members.column_names if name.startswith(COLUMN))
    inside = membership(members, names)
    overlap = inside.T.astype(np.int64) @ inside.astype(np.int64)
    sizes = {name: int(overlap[n, n]) for n, name in enumerate(names)}
    least = {name: specs[name].min_size if name in specs else 0 for name in names}
    audit = SegmentAudit(
        profiles=members.num_rows,
        names=names,
        sizes=sizes,
        overlap=overlap,
        uncovered=int((~inside.any(axis=1)).sum()),
        empty=tuple(name for name in names if sizes[name] == 0),
        tiny=tuple(name for name in names if 0 < sizes[name] < least[name]),
        same=tuple(_same(names, overlap)),
        drift=None if previous is None else measure_drift(previous, members),
    )
    return SegmentAudit(**{**audit.__dict__, "alerts": tuple(_alerts(audit, specs))})


def membership(members: pa.Table, names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Who is in what: a row a profile, a column a segment."""
    if not names:
        return np.zeros((members.num_rows, 0), dtype=np.bool_)
    columns = [pc.fill_null(members[COLUMN + name], False).to_numpy() for name in names]
    return np.column_stack(columns).astype(np.bool_)


def _same(names: tuple[str, ...], overlap: Matrix) -> list[tuple[str, str]]:
    return [
        (names[i], names[j])
        for i in range(len(names))
        for j in range(i)
        if overlap[i, j] > 0 and overlap[i, j] == overlap[i, i] == overlap[j, j]
    ]


def _alerts(audit: SegmentAudit, specs: Mapping[str, SegmentSpec]) -> list[str]:
    found = [f"{name} is empty" for name in audit.empty]
    found += list(audit.drift.alerts) if audit.drift else []
    found += [
        f"{name} has {audit.sizes[name]} profiles, fewer than {specs[name].min_size}" for name in audit.tiny
    ]
    found += [f"{a} and {b} have the very same members" for a, b in audit.same]
    if audit.profiles and audit.uncovered:
        found.append(
            f"{audit.uncovered} of {audit.profiles} profiles ({1 - audit.coverage:.0%}) are in no segment"
        )
    return found
