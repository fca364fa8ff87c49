"""Who was in which segment at earlier runs, and what changed since.

One Parquet file a run: ``profile_id``, a boolean for each segment and each group of a cluster, and the
numbers that segments are made of. It is data of people: erased with them, and left out after its time.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audience.snapshot import fingerprint_tables
from mailwright.catalog import segment_catalog
from mailwright.engine import Plan, Source, beside
from mailwright.errors import UsageError, did_you_mean
from mailwright.model.replacing import replacing
from mailwright.workspace import Workspace
from segments import Segmentation, audit_segments, compile_segments
from segments.audit import SegmentAudit
from segments.drift import measure_drift

KEPT = 12
"""Runs whose memberships are kept."""
_STAMP = "%Y%m%dT%H%M%SZ"
_VERSIONS = b"versions"


@dataclass(frozen=True)
class Audited:
    """The state of all segments, what changed since ``since`` (None: nothing was kept before)."""

    audit: SegmentAudit
    since: datetime | None
    notes: tuple[str, ...] = ()


def memberships_folder(workspace: Workspace) -> Path:
    """Where they are kept."""
    return workspace.state / "memberships"


def keep_memberships(
    workspace: Workspace, source: Source, segmentation: Segmentation, *, now: datetime
) -> Path:
    """Keep who is in what ``now``; the oldest go. A run of the same moment that found the same is kept once,
    one that found something else (new data under a fixed clock) beside it."""
    folder, table = memberships_folder(workspace), memberships(workspace, source, segmentation)
    same = [path for at, path in kept_memberships(workspace) if at == now.replace(microsecond=0)]
    if same and _holds(same[-1], table):
        return same[-1]
    number = f"-{_number(same[-1]) + 1}" if same else ""
    path = folder / f"{now.astimezone(UTC).strftime(_STAMP)}{number}.parquet"
    with replacing(path) as part:
        pq.write_table(table, part, compression="zstd")
    days = workspace.spec.retention.memberships_days
    least = None if days is None else now - timedelta(days=days)
    for at, old in kept_memberships(workspace):
        if least is not None and at < least:
            old.unlink()
    for _, old in kept_memberships(workspace)[:-KEPT]:
        old.unlink()
    return path


def kept_memberships(workspace: Workspace) -> list[tuple[datetime, Path]]:
    """The runs that are kept, oldest first."""
    found = []
    for path in memberships_folder(workspace).glob("*.parquet"):
        with suppress(ValueError):
            at = datetime.strptime(path.stem.partition("-")[0], _STAMP).replace(tzinfo=UTC)
            found.append((at, _number(path), path))
    return [(at, path) for at, _, path in sorted(found)]


def _number(path: Path) -> int:
    """Which of the runs of one moment it is: ``20261120T080000Z.parquet`` is 1, ``…Z-2.parquet`` 2."""
    return int(path.stem.partition("-")[2] or 1)


def _holds(path: Path, table: pa.Table) -> bool:
    """Whether the file says what the table says; False where it is damaged."""
    with suppress(OSError, pa.ArrowException):
        kept = pq.read_table(path)
        same = (kept.schema.metadata or {}).get(_VERSIONS) == (table.schema.metadata or {}).get(_VERSIONS)
        return same and fingerprint_tables(kept) == fingerprint_tables(table)
    return False


def memberships(workspace: Workspace, source: Source, segmentation: Segmentation) -> pa.Table:
    """Who is in what, and the numbers that are watched, one row a profile."""
    profiles = source.audience.profiles
    table = beside(profiles.select(["profile_id"]), segmentation.columns)
    for name, model in source.learned.clusters.items():
        for label in model.names:
            inside = pc.fill_null(pc.equal(profiles[name], label), False)
            table = table.append_column(f"{name}: {label}", inside)
    for name in _watched(workspace, source):
        table = table.append_column(name, profiles[name])
    versions = json.dumps(source.learned.versions).encode()
    return table.replace_schema_metadata({_VERSIONS: versions})


def audit_workspace(
    workspace: Workspace,
    source: Source,
    segmentation: Segmentation,
    *,
    now: datetime,
    against: str | None = None,
) -> Audited:
    """The audit of a run, with its drift from the last one kept up to ``now`` that found something else, or
    from the one that ``against`` names by the beginning of its moment (``2026-11``: the last of that month).

    Raises UsageError when there is none of that name.
    """
    members = memberships(workspace, source, segmentation)
    known = kept_memberships(workspace)
    moment = now.replace(microsecond=0)
    earlier = [(at, path) for at, path in known if at <= moment]
    if earlier and earlier[-1][0] == moment and _holds(earlier[-1][1], members):
        earlier.pop()  # this very run, kept before
    if against is not None:
        wanted = "".join(letter for letter in against.upper() if letter not in "-:")
        earlier = [(at, path) for at, path in known if path.stem.startswith(wanted)]
        if not earlier:
            names = [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at, _ in known]
            what = f"no run of {against} was kept"
            raise UsageError(what, fix=did_you_mean(against, names) or "mailwright segments --keep")
    audit = audit_segments(members, workspace.segments)
    while earlier:
        since, path = earlier.pop()
        with suppress(OSError, pa.ArrowException):  # a damaged one: the run before it
            before, notes = _comparable(pq.read_table(path), members)
            drift = measure_drift(before, members)
            alerts = (*drift.alerts, *audit.alerts)
            return Audited(replace(audit, drift=drift, alerts=alerts), since, notes)
    return Audited(audit, None)


def note_changes(plan: Plan, *, keep: bool) -> list[str]:
    """What a run should say of its segments: how they drifted from the run kept before. ``keep``: this one is
    what the next is compared with."""
    workspace, now = plan.request.workspace, plan.request.now
    if not plan.segmentation.columns.num_columns:
        return []
    found = audit_workspace(workspace, plan.source, plan.segmentation, now=now)
    if keep:
        keep_memberships(workspace, plan.source, plan.segmentation, now=now)
    if found.since is None or found.audit.drift is None:
        return []
    return [f"since {found.since:%Y-%m-%d}, {alert}" for alert in found.audit.drift.alerts]


def _comparable(before: pa.Table, now: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """The earlier table without groups and scores of another version: they mean something else."""
    old, new = (json.loads((table.schema.metadata or {}).get(_VERSIONS, b"{}")) for table in (before, now))
    changed = sorted(name for name in new if old.get(name) != new[name])
    gone = [
        column
        for column in before.column_names
        if column in changed or (column.partition(": ")[0] in changed and not column.startswith("segment:"))
    ]
    notes = [f"{name} was fitted again since, and is not compared" for name in changed if name in old]
    return before.drop_columns(gone), tuple(notes)


def _watched(workspace: Workspace, source: Source) -> list[str]:
    """The numbers that segments and clusters read, and the scores."""
    file = workspace.segments_file
    rules = compile_segments(file.value, segment_catalog(workspace), lambda name: file.at(name, "rule"))
    read = {name for rule in rules.values() for name in rule.attributes}
    read |= {name for model in source.learned.clusters.values() for name in model.scaling.features}
    read |= set(source.learned.score_specs)
    schema = source.audience.profiles.schema
    return [
        name
        for name in sorted(read)
        if name in schema.names
        and (pa.types.is_integer(schema.field(name).type) or pa.types.is_floating(schema.field(name).type))
    ]
