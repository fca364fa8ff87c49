"""What the data say of segments and groups beside their sizes: computed once a ground, pictures included."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from mailwright.errors import UsageError, did_you_mean
from mailwright.memberships import Audited, audit_workspace, kept_memberships
from preview.ground import Ground
from segments.plots import draw_choice, draw_clusters, draw_drift, draw_overlap, draw_sizes

T = TypeVar("T")

_DRAWING = threading.Lock()
"""matplotlib draws for one thread at a time."""


def audit_of(ground: Ground) -> Audited:
    """The audit of the segments as they stand, with their drift from the run kept before, whenever that was
    kept: also by a command while the preview runs."""
    kept = kept_memberships(ground.workspace)[-1:]
    return _once(
        ground,
        f"audit since {kept}",
        lambda: audit_workspace(ground.workspace, ground.source, ground.segmentation, now=ground.now),
    )


def pictures(ground: Ground) -> Mapping[str, Callable[[], bytes]]:
    """What can be drawn, by the name that an address gives it."""
    audit, profiles = audit_of(ground).audit, ground.source.audience.profiles
    found: dict[str, Callable[[], bytes]] = {}
    if audit.names:
        found = {"sizes": lambda: draw_sizes(audit.sizes), "overlap": lambda: draw_overlap(audit)}
    if (drift := audit.drift) is not None:
        found["drift"] = lambda: draw_drift(drift)
    for name, model in ground.source.learned.clusters.items():
        found[f"map.{name}"] = lambda model=model: draw_clusters(model, profiles)  # type: ignore[misc]
        if model.choice is not None:
            found[f"choice.{name}"] = lambda model=model: draw_choice(model)  # type: ignore[misc]
    return found


def picture(ground: Ground, name: str) -> bytes:
    """One of ``pictures`` as PNG. Raises UsageError for a name that there is not."""
    known = pictures(ground)
    if name not in known:
        raise UsageError(f"there is no picture {name!r}", fix=did_you_mean(name, known))
    with _DRAWING:
        return _once(ground, f"picture {name}", known[name])


def _once(ground: Ground, key: str, make: Callable[[], T]) -> T:
    if key not in ground.memo:
        ground.memo[key] = make()
    found: T = ground.memo[key]
    return found
