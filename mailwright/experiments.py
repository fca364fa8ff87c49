"""Who is in which arm of a campaign's experiments, and which winners have been promoted.

A promotion is one line of ``.mailwright/promotions.jsonl``, written once: from then on those who take no part
in that version of the experiment are shown the winner, in every campaign run, trigger and preview.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from mailwright.model.experiment import ExperimentSpec, version_of
from mailwright.workspace import Workspace
from measure import assign_arms
from measure.assignment import Assignment
from render import CompiledCampaign

ARMS = "arms"
"""The column of a frame that lists the experiments in which each row takes part."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Promoted:
    """An arm that the rest of the audience gets, from ``at`` (ISO 8601, UTC) on."""

    scope: str
    """``campaign:<name>`` or ``trigger:<name>``: whose file declares the experiment."""
    experiment: str
    version: str
    arm: str
    why: str
    at: str


def promotions_file(workspace: Workspace) -> Path:
    """One line of JSON a promotion, oldest first."""
    return workspace.state / "promotions.jsonl"


def read_promotions(workspace: Workspace) -> tuple[Promoted, ...]:
    """Every promotion of the workspace, oldest first."""
    log = promotions_file(workspace)
    lines = log.read_bytes().splitlines() if log.is_file() else []
    return tuple(Promoted(**orjson.loads(line)) for line in lines if line.strip())


def write_promotions(workspace: Workspace, found: Sequence[Promoted]) -> None:
    """Write down promotions that were not there before."""
    log = promotions_file(workspace)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        file.writelines(orjson.dumps(asdict(one)) + b"\n" for one in found)


def promoted_arms(
    compiled: CompiledCampaign, promotions: Sequence[Promoted], scopes: frozenset[str]
) -> dict[str, str]:
    """Experiment → its promoted arm, of the versions that the campaign has now."""
    found: dict[str, str] = {}
    versions = versions_of(compiled)
    for one in promotions:
        if one.scope in scopes and versions.get(one.experiment) == one.version:
            found.setdefault(one.experiment, one.arm)
    return found


def versions_of(compiled: CompiledCampaign) -> dict[str, str]:
    """Experiment → its version: what its arms mean now."""
    return {
        name: version_of(name, spec, compiled.content[name]) for name, spec in compiled.experiments.items()
    }


def assign_campaign(
    compiled: CompiledCampaign,
    profile_ids: pa.Array | pa.ChunkedArray,
    *,
    now: datetime,
    promoted: Mapping[str, str],
) -> Assignment:
    """The arms of every profile in the campaign's experiments."""
    return assign_arms(
        compiled.experiments, profile_ids, now=now, content=compiled.content, promoted=promoted
    )


def arm_columns(assignment: Assignment) -> pa.Table:
    """``experiment:<name>`` for each experiment, and what each row takes part in; nothing without any."""
    if not assignment.shown.num_columns:
        return pa.table({})
    return assignment.shown.append_column(ARMS, assignment.enrolled)


def waits_for_winner(
    compiled: CompiledCampaign, assignment: Assignment, *, now: datetime, promoted: Mapping[str, str]
) -> Mask:
    """The profiles that get nothing before an experiment, in which they take no part, has a winner."""
    waits = np.zeros(assignment.shown.num_rows if assignment.shown.num_columns else 0, dtype=bool)
    for name, spec in compiled.experiments.items():
        if spec.rest_waits and name not in promoted and not _waited_enough(spec, now):
            waits |= np.asarray(assignment.shown[f"experiment:{name}"].is_null())
    return waits


def _waited_enough(spec: ExperimentSpec, now: datetime) -> bool:
    longest = spec.winner.at_most_hours if spec.winner is not None else None
    return longest is not None and now >= spec.ramp[0].at + timedelta(hours=longest)
