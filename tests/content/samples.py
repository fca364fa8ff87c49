"""A template's sample data as the frame that render takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from audience import FEATURES, add_features
from audience.arrow import arrow_schema
from mailwright.catalog import RECOMMENDATIONS, profile_schema
from mailwright.errors import Location
from mailwright.model import CampaignSpec, WorkspaceSpec
from mailwright.model.links import LinkSigner
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES
from mailwright.workspace import Workspace, open_workspace
from render import (
    CompiledCampaign,
    RenderContext,
    choose_blocks,
    compile_campaign,
    load_library,
    render_frame,
)
from rules import RuleCatalog

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples" / "shop"
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
TEMPLATES = tuple(sorted(path.parent.name for path in ROOT.glob("templates/*/template.mjml")))
KINDS = ("rich", "sparse", "empty")

BARE = WorkspaceSpec.model_validate(
    {
        "name": "Bare",
        "sender": {"name": "Bare", "email": "hello@bare.example"},
        "data": {"profiles": {"path": "profiles.csv"}},
        "brand": {"name": "Bare", "address": "Bare, 1 Street, Town", "website": "https://bare.example"},
        "base_url": "https://mail.bare.example",
    }
)
"""The least that a workspace can say of its brand."""


@dataclass(frozen=True)
class Sample:
    subject: str
    preheader: str
    profile: dict[str, Any]
    recommendations: list[dict[str, Any]]
    items: list[dict[str, Any]]

    def with_profile(self, **changes: Any) -> Sample:
        return Sample(
            self.subject, self.preheader, {**self.profile, **changes}, self.recommendations, self.items
        )


def read_sample(template: str, kind: str) -> Sample:
    return Sample(**json.loads((ROOT / "templates" / template / f"sample.{kind}.json").read_text("utf-8")))


@cache
def shop() -> Workspace:
    return open_workspace(SHOP)


def compile_shipped(template: str) -> CompiledCampaign:
    """A shipped template in the barest of workspaces, with the subject of its own rich sample."""
    sample = read_sample(template, "rich")
    campaign = CampaignSpec(template=template, subject=sample.subject, preheader=sample.preheader)
    return compile_with(template, campaign, BARE, frozenset(), ROOT)


@cache
def compile_shop(campaign: str) -> CompiledCampaign:
    spec = shop().campaign(campaign).value
    return compile_with(campaign, spec, shop().spec, frozenset(shop().segments), ROOT, SHOP)


def compile_with(
    name: str, campaign: CampaignSpec, settings: WorkspaceSpec, segments: frozenset[str], *folders: Path
) -> CompiledCampaign:
    attributes = {**profile_schema(settings), "recommendations": RECOMMENDATIONS}
    return compile_campaign(
        name,
        campaign,
        library=load_library(*folders),
        settings=settings,
        catalog=RuleCatalog(attributes=attributes, segments=segments, events={}),
        asset=lambda path: f"https://assets.example/{path}",
        at=lambda *_: Location(f"campaigns/{name}.yaml", 1),
    )


def render_sample(
    compiled: CompiledCampaign,
    settings: WorkspaceSpec,
    sample: Sample,
    segments: dict[str, bool] | None = None,
) -> dict[str, Any]:
    """The one mail of a sample, as a row of render's output."""
    frame = _frame(settings, sample)
    for name in shop().segments if settings is not BARE else ():
        member = bool((segments or {}).get(name))
        frame = frame.append_column(f"segment:{name}", pa.array([member], pa.bool_()))
    choices = choose_blocks(compiled, frame, now=NOW, interactions=_nothing(INTERACTION_ATTRIBUTES))
    for column in choices.columns.column_names:
        frame = frame.append_column(column, choices.columns[column])
    context = RenderContext(
        campaign=compiled.name,
        occasion="test",
        now=NOW,
        fingerprint="",
        signer=LinkSigner(settings.base_url, b"secret of the tests"),
        items=_items(settings, sample),
        settings=settings,
    )
    (batch,) = render_frame(compiled, context, frame)
    (row,) = batch.to_pylist()
    return row


def _frame(settings: WorkspaceSpec, sample: Sample) -> pa.Table:
    """The profile with the features of somebody never seen, and over them what the sample says."""
    schema = profile_schema(settings)
    declared = arrow_schema({name: schema[name] for name in schema if name not in FEATURES})
    blank = {name: spec.default for name, spec in schema.items() if name not in FEATURES}
    blank |= {"profile_id": "x", "consent": []}
    one = pa.Table.from_pylist([blank], declared)
    seen = add_features(one, _nothing(INTERACTION_ATTRIBUTES), _nothing(ITEM_ATTRIBUTES), now=NOW)
    row = seen.to_pylist()[0] | {
        name: _moment(value) if name in schema and schema[name].type == "timestamp" else value
        for name, value in sample.profile.items()
        if name in schema
    }
    cart = dict(
        row["cart"], items=[dict(line, added_at=_moment(line["added_at"])) for line in row["cart"]["items"]]
    )
    row["cart"] = dict(cart, updated_at=_moment(cart["updated_at"]))
    frame = pa.Table.from_pylist([row], arrow_schema(schema))
    fields = arrow_schema({"recommendations": RECOMMENDATIONS})
    keys = RECOMMENDATIONS.items.fields if RECOMMENDATIONS.items and RECOMMENDATIONS.items.fields else {}
    shown = [{key: item[key] for key in keys} for item in sample.recommendations]
    column = pa.Table.from_pylist([{"recommendations": shown}], fields)["recommendations"]
    return frame.append_column("recommendations", column).append_column(
        "recommendation_note", pa.array([""], pa.string())
    )


def _items(settings: WorkspaceSpec, sample: Sample) -> pa.Table:
    schema = arrow_schema({**ITEM_ATTRIBUTES, **settings.item})
    found = {item["item_id"]: item for item in (*sample.recommendations, *sample.items)}
    return pa.Table.from_pylist([found[item_id] for item_id in sorted(found)], schema)


def _nothing(attributes: Any) -> pa.Table:
    return arrow_schema(attributes).empty_table()


def _moment(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
