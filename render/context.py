"""What all mails of one run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mailwright.model.links import LinkSigner
from mailwright.model.workspace import WorkspaceSpec
from rules import EventView

if TYPE_CHECKING:
    from render.program import Program
    from render.skeleton import Splitter


@dataclass
class RenderContext:
    """The run: which campaign, for which occasion, at which moment, with which catalogue and key.

    ``items`` is a table of items whose pictures are links already. ``events`` gives a profile's events for
    traces of conditions on them; without it those conditions are explained as if nothing had happened.
    """

    campaign: str
    occasion: str
    now: datetime
    fingerprint: str
    signer: LinkSigner
    items: pa.Table
    settings: WorkspaceSpec
    events: Callable[[str], EventView] | None = None
    programs: dict[str, Program] = field(default_factory=dict, repr=False, compare=False)
    """Compiled campaigns bound to this run, by fingerprint; made when first needed."""
    splitters: dict[str, Splitter] = field(default_factory=dict, repr=False, compare=False)
    """The same, for grouped sends."""

    @cached_property
    def catalogue(self) -> dict[str, dict[str, Any]]:
        """Item by id."""
        return {item["item_id"]: item for item in self.items.to_pylist()}

    def __getstate__(self) -> dict[str, Any]:
        kept = {key: value for key, value in self.__dict__.items() if key not in ("catalogue", "events")}
        return {**kept, "programs": {}, "splitters": {}, "events": None}
