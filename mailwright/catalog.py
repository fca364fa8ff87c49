"""The names that the rules of one workspace may use."""

from __future__ import annotations

from dataclasses import replace

from audience import FEATURES
from mailwright.learned import labelled
from mailwright.model.schema import (
    INTERACTION_ATTRIBUTES,
    PROFILE_ATTRIBUTES,
    STANDARD_EVENTS,
    Attribute,
    Schema,
)
from mailwright.model.workspace import WorkspaceSpec
from mailwright.workspace import Workspace
from recommend.asking import item_paths
from recommend.strategies import strategy_names
from rules import RuleCatalog

RECOMMENDATIONS = Attribute(
    type="list",
    description="the items recommended to this profile, best first",
    items=Attribute(
        type="object",
        fields={
            "item_id": Attribute(type="string"),
            "source": Attribute(type="string"),
            "score": Attribute(type="number"),
            "reason": Attribute(type="string", description="the reason as an English sentence"),
            "reason_kind": Attribute(
                type="string", description="what kind of reason it is: bought, popular …"
            ),
            "reason_about": Attribute(
                type="string", description="what it is about, where it names something"
            ),
        },
    ),
)


def segment_catalog(workspace: Workspace, learned: Schema | None = None) -> RuleCatalog:
    """What segment rules and audience filters know: attributes, features, other segments, events.

    ``learned`` stands in for the clusters and scores in place, whose labels are the only ones to be named.
    """
    known = labelled(workspace) if learned is None else learned
    catalog = RuleCatalog(
        profile_schema(workspace.spec) | known,
        events=event_schemas(workspace.spec),
        computed=frozenset({**FEATURES, **known}),
    )
    return catalog.with_segments(workspace.segments)


def block_catalog(workspace: Workspace) -> RuleCatalog:
    """What the conditions of blocks know: all of ``segment_catalog``, and what is recommended."""
    base = segment_catalog(workspace)
    attributes = {**base.attributes, "recommendations": RECOMMENDATIONS}
    return replace(
        base,
        attributes=attributes,
        strategies=frozenset(strategy_names()),
        item_paths=frozenset(item_paths(base.attributes)),
    )


def profile_schema(spec: WorkspaceSpec) -> Schema:
    """Every attribute of a profile: common, declared, computed, learned."""
    return {**PROFILE_ATTRIBUTES, **spec.profile, **FEATURES, **spec.learned}


def event_schemas(spec: WorkspaceSpec) -> dict[str, Schema]:
    """The fields of each known event."""
    fields = {**INTERACTION_ATTRIBUTES, **spec.event}
    for key in ("profile_id", "event"):
        del fields[key]
    names = dict.fromkeys((*STANDARD_EVENTS, *spec.recommend.weights, *spec.events))
    return dict.fromkeys(names, fields)
