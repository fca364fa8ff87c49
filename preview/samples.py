"""A template shown with its sample data, which stands beside it: rich, sparse and empty profiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from mailwright.catalog import block_catalog
from mailwright.engine import DEVELOPMENT_SECRET, SHIPPED, beside
from mailwright.errors import DataError, Location, UsageError, did_you_mean
from mailwright.given import given_row, given_values, item_table, listed, no_interactions
from mailwright.model.campaign import CampaignSpec
from mailwright.model.identity import fingerprint
from mailwright.model.links import LinkSigner
from mailwright.model.schema import ITEM_ATTRIBUTES
from preview.ground import Ground
from preview.sources import files_of
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
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Strategy → what its ``recommend(…)`` gives, whatever it is asked about."""


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
    for ask in compiled.asks:
        one = one.append_column(ask.column, listed(ask.among(sample.asked)))
    choices = choose_blocks(compiled, one, now=ground.now, interactions=no_interactions())
    asked = [item for items in sample.asked.values() for item in items]
    items = [*sample.recommendations, *sample.items, *asked]
    context = RenderContext(
        campaign=template,
        occasion="sample",
        now=ground.now,
        fingerprint="",
        signer=LinkSigner(workspace.spec.base_url, DEVELOPMENT_SECRET),
        items=item_table(items, {**ITEM_ATTRIBUTES, **workspace.spec.item}),
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
    """The row of a sample, in the segments that its values make."""
    values = given_values(ground.workspace, sample.profile, name="sample", now=ground.now)
    inside = segments_of(
        ground.workspace.segments,
        ground.segment_rules,
        values,
        RuleContext(now=ground.now),
        fallen_back=ground.segmentation.fallen_back,
    )
    return given_row(ground.workspace, values, segments=inside, recommendations=sample.recommendations)


def _order(kind: str) -> tuple[int, str]:
    known = ("rich", "sparse", "empty")
    return (known.index(kind) if kind in known else len(known), kind)
