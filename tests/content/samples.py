"""A template's sample data as the frame that render takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from audience import FEATURES, add_features
from audience.arrow import arrow_schema
from mailwright.catalog import RECOMMENDATIONS, profile_schema
from mailwright.engine import beside
from mailwright.errors import Location
from mailwright.model import CampaignSpec, WorkspaceSpec
from mailwright.model.links import LinkSigner
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES
from mailwright.workspace import Workspace, open_workspace
from recommend.asking import item_paths
from recommend.strategies import strategy_names
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
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def with_profile(self, **changes: Any) -> Sample:
        return replace(self, profile={**self.profile, **changes})


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
        catalog=RuleCatalog(
            attributes=attributes,
            segments=segments,
            events={},
            strategies=frozenset(strategy_names()),
            item_paths=frozenset(item_paths(attributes)),
        ),
        asset=lambda path: f"https://assets.example/{path}",
        at=lambda *_: Location(f"campaigns/{name}.yaml", 1),
    )


Reader = tuple[Sample, dict[str, bool]]
"""A sample, and the segments that its profile is in."""


def render_sample(compiled: CompiledCampaign, settings: WorkspaceSpec, sample: Sample) -> dict[str, Any]:
    """The one mail of a sample, as a row of render's output."""
    return render_samples(compiled, settings, [(sample, {})])[0]


def render_samples(
    compiled: CompiledCampaign, settings: WorkspaceSpec, readers: Sequence[Reader]
) -> list[dict[str, Any]]:
    """The mails of several samples, rendered as one audience, in their order."""
    frame = pa.concat_tables([_frame(settings, sample, number) for number, (sample, _) in enumerate(readers)])
    for name in shop().segments if settings is not BARE else ():
        members = [bool(segments.get(name)) for _, segments in readers]
        frame = frame.append_column(f"segment:{name}", pa.array(members, pa.bool_()))
    for ask in compiled.asks:
        lists = [_listed(ask.among(sample.asked)) for sample, _ in readers]
        frame = frame.append_column(ask.column, pa.array(lists, frame["recommendations"].type))
    choices = choose_blocks(compiled, frame, now=NOW, interactions=_nothing(INTERACTION_ATTRIBUTES))
    frame = beside(frame, choices.columns)
    context = RenderContext(
        campaign=compiled.name,
        occasion="test",
        now=NOW,
        fingerprint="",
        signer=LinkSigner(settings.base_url, b"secret of the tests"),
        items=_items(settings, [sample for sample, _ in readers]),
        settings=settings,
    )
    return [row for batch in render_frame(compiled, context, frame) for row in batch.to_pylist()]


def _frame(settings: WorkspaceSpec, sample: Sample, number: int) -> pa.Table:
    """The profile with the features of somebody never seen, and over them what the sample says."""
    schema = profile_schema(settings)
    row = dict(_stranger(settings.name)) | {
        name: _moment(value) if schema[name].type == "timestamp" else value
        for name, value in sample.profile.items()
        if name in schema
    }
    row["profile_id"] = f"{number:04}"
    cart = row["cart"]
    lines = [dict(line, added_at=_moment(line["added_at"])) for line in cart["items"]]
    row["cart"] = dict(cart, items=lines, updated_at=_moment(cart["updated_at"]))
    frame = pa.Table.from_pylist([row], arrow_schema(schema))
    fields = arrow_schema({"recommendations": RECOMMENDATIONS})
    shown = _listed(sample.recommendations)
    column = pa.Table.from_pylist([{"recommendations": shown}], fields)["recommendations"]
    return frame.append_column("recommendations", column).append_column(
        "recommendation_note", pa.array([""], pa.string())
    )


def _listed(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = RECOMMENDATIONS.items.fields if RECOMMENDATIONS.items and RECOMMENDATIONS.items.fields else {}
    return [{key: item.get(key) for key in keys} for item in items]


@cache
def _stranger(workspace: str) -> dict[str, Any]:
    """A profile never seen, with the declared defaults and the features of no interactions."""
    schema = profile_schema(BARE if workspace == BARE.name else shop().spec)
    declared = {name: spec for name, spec in schema.items() if name not in FEATURES}
    blank = {name: spec.default for name, spec in declared.items()} | {"profile_id": "x", "consent": []}
    one = pa.Table.from_pylist([blank], arrow_schema(declared))
    seen = add_features(one, _nothing(INTERACTION_ATTRIBUTES), _nothing(ITEM_ATTRIBUTES), now=NOW)
    found: dict[str, Any] = seen.to_pylist()[0]
    return found


def _items(settings: WorkspaceSpec, samples: Sequence[Sample]) -> pa.Table:
    schema = arrow_schema({**ITEM_ATTRIBUTES, **settings.item})
    found = {item["item_id"]: item for sample in samples for item in _all(sample)}
    return pa.Table.from_pylist([found[item_id] for item_id in sorted(found)], schema)


def _all(sample: Sample) -> list[dict[str, Any]]:
    return [
        *sample.recommendations,
        *sample.items,
        *(item for asked in sample.asked.values() for item in asked),
    ]


def _nothing(attributes: Any) -> pa.Table:
    return arrow_schema(attributes).empty_table()


def _moment(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
