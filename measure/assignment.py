"""Arms and holdouts for whole columns: the same answers as ``model.experiment`` gives for one profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailwright.errors import UsageError
from mailwright.model.duck import locked_database
from mailwright.model.experiment import (
    ExperimentSpec,
    HoldoutSpec,
    Salts,
    arm_ends,
    conflicts,
    holdout_salt,
    version_of,
)
from mailwright.model.identity import bucket

Mask = npt.NDArray[np.bool_]

_BUCKET = """
    SELECT CAST(('0x' || substr(sha256(CAST(? AS VARCHAR) || chr(31) || id), 1, 16))::UBIGINT >> 11 AS DOUBLE)
        / 9007199254740992 AS bucket, n
    FROM ids
"""
"""``identity.bucket`` in SQL: the first 53 bits of SHA-256 over 2**53."""


@dataclass(frozen=True)
class Assignment:
    """Who is in which arm. ``shown`` has a column ``experiment:<name>`` each, rows as in the ids.

    A profile that is not enrolled has NULL there and gets the campaign as it is written, unless a winner
    has been promoted: then it has the winner there, and still no part in the measurement. ``enrolled`` is
    what the messages table keeps as ``arms``: list<struct<experiment, version, arm>>.
    """

    shown: pa.Table
    enrolled: pa.ChunkedArray
    versions: Mapping[str, str]


def assign_arms(
    experiments: Mapping[str, ExperimentSpec],
    profile_ids: pa.Array | pa.ChunkedArray,
    *,
    now: datetime,
    content: Mapping[str, str] | None = None,
    promoted: Mapping[str, str] | None = None,
) -> Assignment:
    """Assign every profile its arm in every experiment (``experiment.arm_of``, for a whole column).

    ``content`` is, by experiment, the fingerprint of what its arms show beside their settings (blocks);
    ``promoted`` the arm that the rest of the audience gets. Raises UsageError when two experiments may not
    run together (``experiment.conflicts``) or a promoted arm is unknown.
    """
    if problems := conflicts(experiments):
        raise UsageError("; ".join(problems), fix="give each its own slice of one layer")
    content, promoted = content or {}, promoted or {}
    shown: dict[str, pa.Array] = {}
    parts: list[pa.StructArray] = []
    versions = {name: version_of(name, spec, content.get(name, "")) for name, spec in experiments.items()}
    with _buckets(profile_ids) as buckets:
        for name, spec in experiments.items():
            codes = _codes(buckets, spec, Salts.of(name, spec, content.get(name, "")), now)
            arms = pa.array([arm for arm, _ in arm_ends(spec)], pa.string())
            enrolled = arms.take(pa.array(codes, pa.int32(), mask=codes < 0))
            parts.append(_struct(name, versions[name], enrolled))
            shown[name] = enrolled
    shown = {f"experiment:{name}": _with_winner(shown, name, experiments, promoted) for name in shown}
    return Assignment(pa.table(shown), _lists(parts, len(profile_ids)), versions)


def held_out_mask(
    holdouts: Mapping[str, HoldoutSpec | None], profile_ids: pa.Array | pa.ChunkedArray
) -> Mask:
    """Which profiles any of the holdouts keeps back: scope (``global``, ``campaign:<name>`` …) → spec."""
    mask = np.zeros(len(profile_ids), dtype=bool)
    with _buckets(profile_ids) as buckets:
        for scope, spec in holdouts.items():
            if spec is not None:
                mask |= buckets(holdout_salt(spec, scope)) < spec.share
    return mask


def buckets_of(salt: str, ids: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """``identity.bucket`` of every id."""
    with _buckets(ids) as buckets:
        return buckets(salt)


def _codes(buckets: Hashed, spec: ExperimentSpec, salts: Salts, now: datetime) -> npt.NDArray[np.int32]:
    """The number of each profile's arm, -1 for those who take no part."""
    ends = np.array([end for _, end in arm_ends(spec)])
    codes: npt.NDArray[np.int32] = np.searchsorted(ends, buckets(salts.arm), side="right").astype(np.int32)
    if spec.layer is not None:
        place = buckets(salts.layer)
        codes[(place < spec.layer.start) | (place >= spec.layer.end)] = -1
    if (share := spec.enrolled_share(now)) < 1:
        codes[buckets(salts.ramp) >= share] = -1
    return codes


def _with_winner(
    enrolled: Mapping[str, pa.Array],
    name: str,
    experiments: Mapping[str, ExperimentSpec],
    promoted: Mapping[str, str],
) -> pa.Array:
    """The arm that each row is shown: its own, or the promoted winner.

    Whoever takes part in another experiment of the same layer is not shown the winner: the two may change
    the same thing, and that experiment is compared with the campaign as it is written.
    """
    winner, spec = promoted.get(name), experiments[name]
    if winner is None:
        return enrolled[name]
    if winner not in spec.arms:
        raise UsageError(f"experiment {name!r} has no arm {winner!r} to promote")
    rest = np.asarray(enrolled[name].is_null())
    for other, their in experiments.items():
        if other != name and spec.layer and their.layer and spec.layer.name == their.layer.name:
            rest &= np.asarray(enrolled[other].is_null())
    return pc.if_else(pa.array(rest), winner, enrolled[name])


def _struct(name: str, version: str, arms: pa.Array) -> pa.StructArray:
    """One experiment's part of each row; the arm is NULL where the profile takes no part."""
    rows = len(arms)
    return pa.StructArray.from_arrays(
        [pa.repeat(pa.scalar(name), rows), pa.repeat(pa.scalar(version), rows), arms],
        names=["experiment", "version", "arm"],
    )


def _lists(parts: list[pa.StructArray], rows: int) -> pa.ChunkedArray:
    """The parts of each row as one list, without those in which it takes no part."""
    kind = pa.list_(pa.struct([("experiment", pa.string()), ("version", pa.string()), ("arm", pa.string())]))
    if not parts:
        return pa.chunked_array([pa.array([[]] * rows, kind)], kind)
    joined = pa.concat_arrays(parts)
    order = np.arange(len(joined)).reshape(len(parts), rows).T  # row by row instead of part by part
    present = np.asarray(joined.field("arm").is_valid())[order]
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    values = joined.take(pa.array(order[present]))
    return pa.chunked_array([pa.ListArray.from_arrays(pa.array(offsets), values)])


FEW = 256
"""Up to so many ids Python hashes sooner than DuckDB is asked."""


Hashed = Callable[[str], npt.NDArray[np.float64]]
"""A salt → the bucket of each id."""


@contextmanager
def _buckets(profile_ids: pa.Array | pa.ChunkedArray) -> Iterator[Hashed]:
    """Hashes one column of ids with one salt after another."""
    if len(profile_ids) <= FEW:
        names = profile_ids.to_pylist()
        yield lambda salt: np.array([bucket(salt, name) for name in names], np.float64)
        return
    with locked_database() as connection:
        connection.register("ids", pa.table({"id": profile_ids, "n": np.arange(len(profile_ids))}))

        def hashed(salt: str) -> npt.NDArray[np.float64]:
            found = connection.execute(_BUCKET, [salt]).fetchnumpy()
            buckets = np.empty(len(found["n"]))
            buckets[found["n"]] = found["bucket"]  # DuckDB promises no order, and this says who sees what
            return buckets

        yield hashed
