"""JSON Schemas of a workspace's files, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from mailwright.model.campaign import CampaignSpec
from mailwright.model.segment import SegmentSpec
from mailwright.model.trigger import TriggerSpec
from mailwright.model.workspace import WorkspaceSpec

MODELS: dict[str, Any] = {
    "mailwright": WorkspaceSpec,
    "segments": dict[str, SegmentSpec],
    "campaign": CampaignSpec,
    "trigger": TriggerSpec,
}
"""Schema's name → what the file is read as."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """One JSON Schema (draft 2020-12) for each kind of file, by name."""
    return {
        name: {"$schema": "https://json-schema.org/draft/2020-12/schema"} | TypeAdapter(model).json_schema()
        for name, model in MODELS.items()
    }
