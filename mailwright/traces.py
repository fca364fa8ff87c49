"""What is learned of a person and kept: memberships of earlier runs, models that tell of single people."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audience.erasure import erase_rows
from mailwright.engine import read_workspace
from mailwright.errors import MailwrightError, ModelError
from mailwright.learned import learned_folder
from mailwright.memberships import kept_memberships
from mailwright.workspace import Workspace
from segments.clusters import load_clusters
from segments.shelf import Shelf


def learned_of_person(workspace: Workspace, profile_id: str, *, now: datetime) -> dict[str, Any]:
    """The person's groups and scores, each with the version that says so; empty where nothing is learned."""
    if not workspace.spec.learned:
        return {}
    try:
        source = read_workspace(workspace, now=now)
    except MailwrightError:  # data that a run refuses: what there is of the person is shown all the same
        return {}
    profiles = source.audience.profiles
    place = pc.index(profiles["profile_id"], profile_id).as_py()
    if place < 0:
        return {}
    versions = source.learned.versions
    return {
        name: {"value": profiles[name][place].as_py(), "version": versions.get(name)}
        for name in source.learned.names
    }


def memberships_of(workspace: Workspace, ids: Collection[str]) -> list[dict[str, Any]]:
    """What earlier runs kept of these profiles: the moment, the groups they were in, the numbers."""
    found: list[dict[str, Any]] = []
    for at, path in kept_memberships(workspace):
        table = pq.read_table(path)
        for row in table.filter(pc.is_in(table["profile_id"], pa.array(list(ids), pa.string()))).to_pylist():
            inside = [name for name, value in row.items() if value is True]
            numbers = {name: value for name, value in row.items() if not isinstance(value, bool)}
            found.append({"at": at.isoformat(), "in": inside} | numbers)
    return found


def erase_traces(workspace: Workspace, ids: Collection[str]) -> tuple[int, tuple[str, ...]]:
    """Erase these profiles from earlier runs, and every model that tells of single people.

    Returns how many rows went, and the clusters that have to be fitted again. Averages over many stay.
    """
    rows = sum(erase_rows(path, "parquet", "profile_id", ids) for _, path in kept_memberships(workspace))
    again: list[str] = []
    for shelf in _shelves(workspace):
        in_place = shelf.current
        for version in telling(shelf):
            shelf.remove(version)
            if in_place is not None and in_place.name == version:
                again.append(shelf.folder.name)
    return rows, tuple(again)


def telling(shelf: Shelf) -> list[str]:
    """The versions in which single people stand; one that cannot be read may be such a one."""
    found: list[str] = []
    for folder in sorted(path.parent for path in shelf.folder.glob("*/clusters.json")):
        people = True
        with suppress(ModelError):
            people = load_clusters(folder).holds_people
        found += [folder.name] if people else []
    return found


def traces_left(workspace: Workspace, ids: Collection[str]) -> list[str]:
    """What ``erase_traces`` did not reach; nothing, or something is wrong."""
    left = ["memberships"] if memberships_of(workspace, ids) else []
    return left + [f"clusters {shelf.folder.name}" for shelf in _shelves(workspace) if telling(shelf)]


def _shelves(workspace: Workspace) -> list[Shelf]:
    folder = learned_folder(workspace)
    return [Shelf(path) for path in sorted(folder.glob("*")) if path.is_dir()]
