"""A template shown with its sample data, which stands beside it: rich, sparse and empty profiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from audience import FEATURES, add_features, arrow_schema
from mailwright.catalog import RECOMMENDATIONS, block_catalog, profile_schema
from mailwright.engine import DEVELOPMENT_SECRET, SHIPPED, beside
from mailwright.errors import DataError, Location, UsageError, did_you_mean
from mailwright.model.campaign import CampaignSpec
from mailwright.model.identity import fingerprint
from mailwright.model.links import LinkSigner
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES, Schema
from preview.ground import Ground
from preview.sources import files_of
from preview.typed import read_json
from render import (
    CompiledCampaign,
    RenderContext,
    choose_blocks,
    compile_campaign,
    load_library,
    render_frame,
)
from rules import RuleContext
from segments import segments_of


@dataclass(frozen=True)
class Sample:
    """One ``sample.<kind>.json``: what the mail is about, to whom, and the items that it may name."""

    subject: str
    preheader: str = ""
    profile: dict[str, Any] = field(default_factory=dict)
    recommendations: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)


def sample_kinds(ground: Ground, template: str) -> list[str]:
    """Which samples a template has: ``rich``, ``sparse``, ``empty`` …"""
    start = f"templates/{template}/sample."
    names = [name for name in files_of(ground.workspace.root) if name.startswith(start)]
    return sorted((name.removeprefix(start).removesuffix(".json") for name in names), key=_order)


def read_sample(ground: Ground, template: str, kind: str) -> Sample:
    """A template's sample. Raises UsageError when there is none, DataError when it cannot be read."""
    kinds = sample_kinds(ground, template)
    if kind not in kinds:
        raise UsageError(f"{template!r} has no sample {kind!r}", fix=did_you_mean(kind, kinds))
    file = files_of(ground.workspace.root)[f"templates/{template}/sample.{kind}.json"]
    try:
        return Sample(**orjson.loads(file.path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise DataError(f"{file.name} is no sample: {error}", fix="see docs/templates.md") from error


def render_sample(ground: Ground, template: str, sample: Sample) -> dict[str, Any]:
    """The mail of a sample, as a row of render's output."""
    compiled = _compile(ground, template, sample)
    workspace = ground.workspace
    one = _profile(ground, sample)
    nothing = arrow_schema(INTERACTION_ATTRIBUTES).empty_table()
    choices = choose_blocks(compiled, one, now=ground.now, interactions=nothing)
    items = [*sample.recommendations, *sample.items]
    context = RenderContext(
        campaign=template,
        occasion="sample",
        now=ground.now,
        fingerprint="",
        signer=LinkSigner(workspace.spec.base_url, DEVELOPMENT_SECRET),
        items=_table(items, {**ITEM_ATTRIBUTES, **workspace.spec.item}, key="item_id"),
        settings=workspace.spec,
    )
    batch = next(iter(render_frame(compiled, context, beside(one, choices.columns))))
    found: dict[str, Any] = batch.to_pylist()[0]
    return found


def _compile(ground: Ground, template: str, sample: Sample) -> CompiledCampaign:
    spec = CampaignSpec(template=template, subject=sample.subject, preheader=sample.preheader)
    workspace = ground.workspace
    place = Location(f"templates/{template}/template.mjml")
    library = load_library(SHIPPED, workspace.root)
    key = f"sample {template} {fingerprint(library.fingerprint, sample.subject, sample.preheader)}"
    if key not in ground.memo:
        ground.memo[key] = compile_campaign(
            template,
            spec,
            library=library,
            settings=workspace.spec,
            catalog=block_catalog(workspace),
            asset=ground.source.assets.link,
            at=lambda *_: place,
            cache=workspace.state / "compiled",
        )
    compiled: CompiledCampaign = ground.memo[key]
    return compiled


def _profile(ground: Ground, sample: Sample) -> pa.Table:
    """A row for somebody never seen, and over it what the sample says, in the segments that this makes."""
    workspace = ground.workspace
    schema = profile_schema(workspace.spec)
    declared = {name: attribute for name, attribute in schema.items() if name not in FEATURES}
    given = {name: read_json(value, schema[name]) for name, value in sample.profile.items() if name in schema}
    blank = {name: attribute.default for name, attribute in declared.items()}
    stranger = blank | {"profile_id": "sample"} | {name: given[name] for name in given if name in declared}
    row = pa.Table.from_pylist([stranger], arrow_schema(declared))
    nothing = arrow_schema(INTERACTION_ATTRIBUTES).empty_table()
    items = _table([], ITEM_ATTRIBUTES, key="item_id")
    values = add_features(row, nothing, items, now=ground.now).to_pylist()[0] | given
    here = RuleContext(now=ground.now)
    inside = segments_of(
        workspace.segments,
        ground.segment_rules,
        values,
        here,
        fallen_back=ground.segmentation.fallen_back,
    )
    one = pa.Table.from_pylist([values], arrow_schema(schema))
    for name in workspace.segments:
        one = one.append_column(f"segment:{name}", pa.array([name in inside]))
    known = arrow_schema({"recommendations": RECOMMENDATIONS}).field(0)
    names = [part.name for part in known.type.value_type]
    shown = [{name: item.get(name) for name in names} for item in sample.recommendations]
    one = one.append_column(known, pa.array([shown], known.type))
    return one.append_column("recommendation_note", pa.array([""], pa.string()))


def _table(rows: list[dict[str, Any]], schema: Schema, *, key: str) -> pa.Table:
    unique = {row[key]: row for row in rows}
    typed = [
        {name: read_json(row.get(name), attribute) for name, attribute in schema.items()}
        for row in unique.values()
    ]
    return pa.Table.from_pylist(typed, arrow_schema(schema)).sort_by(key)


def _order(kind: str) -> tuple[int, str]:
    known = ("rich", "sparse", "empty")
    return (known.index(kind) if kind in known else len(known), kind)
