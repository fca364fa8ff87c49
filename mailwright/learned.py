"""Where a workspace keeps what was learned of its profiles, and what stands in place there."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from audience import Audience
from mailwright.model.identity import fingerprint
from mailwright.model.schema import Schema
from mailwright.workspace import Workspace
from segments.learned import Learned, load_learned
from segments.shelf import Shelf


def learned_folder(workspace: Workspace) -> Path:
    """A shelf of versions for each cluster and score, by name."""
    return workspace.state / "learned"


def learned_of(workspace: Workspace) -> Learned:
    """The clusters and scores that the workspace declares, as they stand in place."""
    spec = workspace.spec
    return load_learned(learned_folder(workspace), spec.clusters, spec.scores, spec.profile)


def with_learned(audience: Audience, learned: Learned, *, now: datetime) -> tuple[Audience, tuple[str, ...]]:
    """The audience with a column for each cluster and score, and what was noticed on the way.

    Its fingerprint changes with every version, for rules and templates can read them.
    """
    if not learned.names:
        return audience, ()
    profiles, notes = learned.beside(audience.profiles, now=now)
    versions = learned.versions
    return replace(
        audience, profiles=profiles, mark=lambda: fingerprint(audience.fingerprint, versions)
    ), notes


def labelled(workspace: Workspace) -> Schema:
    """The learned attributes as rules may name them: of a fitted cluster only the labels that there are."""
    schema = workspace.spec.learned
    for name in workspace.spec.clusters:
        if labels := _labels(Shelf(learned_folder(workspace) / name).current):
            schema[name] = schema[name].model_copy(update={"allowed": labels})
    return schema


def _labels(place: Path | None) -> tuple[str, ...]:
    """The labels of a kept model; none of one that cannot be read, which is said when it is applied."""
    if place is None:
        return ()
    try:
        kept = json.loads((place / "clusters.json").read_text(encoding="utf-8"))
        return tuple(str(persona["label"]) for persona in kept["personas"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
