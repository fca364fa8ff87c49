"""Segments and recommendations of every profile, as the attributes that a platform is given."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa

from mailwright.engine import join_columns, read_workspace, segment_audience, trained_model
from mailwright.errors import ConfigError, did_you_mean
from mailwright.model.workspace import AttributesSpec, EspSpec
from mailwright.models import tuned_spec
from mailwright.outboxes import workspace_outbox
from mailwright.progress import Stages
from mailwright.workspace import Workspace
from recommend import recommend_items
from recommend.embedding import without_embeddings
from recommend.strategies import strategy_names
from send import StubEsp
from send.address import BadAddress, wire_email
from send.attributes import Platform, Profile, open_platform, sync_attributes
from send.attributes.platform import Value
from send.stub import stub_platform_environ, stub_platform_options


def sync_workspace(
    workspace: Workspace, stages: Stages, *, now: datetime, send: bool = True, stub_esp: bool = False
) -> dict[str, Any]:
    """Send the workspace's platform what changed of its profiles; what became of it, counted.

    With ``stub_esp`` to a stand-in, with a record of its own. Raises ConfigError when no platform is named.
    """
    spec = workspace.spec.attributes
    if spec is None:
        raise ConfigError(
            "no platform is named that keeps attributes",
            at=workspace.config.at(),
            fix="attributes: { adapter: klaviyo } in mailwright.yaml",
        )
    profiles = _profiles(workspace, spec, stages, now=now)
    if not stub_esp:
        return _sync(workspace, profiles, open_platform(spec, os.environ, root=workspace.root), stages, send)
    with StubEsp(process=True) as stub:
        address = stub.address("attributes")
        options = {**spec.options, **stub_platform_options(spec.adapter, address)}
        played = EspSpec(adapter=spec.adapter, base_url=address, options=options)
        platform = open_platform(played, stub_platform_environ(spec.adapter), root=workspace.root)
        return _sync(workspace, profiles, platform, stages, send, rehearsal=True)


def _sync(
    workspace: Workspace,
    profiles: list[Profile],
    platform: Platform,
    stages: Stages,
    send: bool,
    *,
    rehearsal: bool = False,
) -> dict[str, Any]:
    outbox = workspace_outbox(workspace, rehearsal=rehearsal)
    with stages("sync") as progress:
        report = sync_attributes(
            profiles,
            platform=platform,
            db=outbox.db,
            now=outbox.clock(),
            send=send,
            progress=lambda done: progress(done, len(profiles)),
        )
    return {"platform": platform.name, "sent": send, **asdict(report)}


def _profiles(workspace: Workspace, spec: AttributesSpec, stages: Stages, *, now: datetime) -> list[Profile]:
    if spec.strategy not in strategy_names():
        fix = did_you_mean(spec.strategy, strategy_names())
        at = workspace.config.at("attributes", "strategy")
        raise ConfigError(f"there is no strategy {spec.strategy!r}", at=at, fix=fix)
    with stages("read"):
        audience = read_workspace(workspace, now=now).audience
    with stages("segment"):
        segmentation = segment_audience(workspace, audience, now=now)
    with stages("train") as progress:
        seed = workspace.spec.seed
        model = trained_model(workspace, audience, now=now, seed=seed, progress=progress)
    with stages("recommend") as progress:
        recommendations = recommend_items(
            model,
            audience.profiles,
            audience.interactions,
            audience.items,
            tuned_spec(workspace.spec.recommend, model),
            n=spec.recommendations,
            now=now,
            strategy=spec.strategy,
            segments=segmentation.columns if segmentation.columns.num_columns else None,
            progress=progress,
        )
    items = {item["item_id"]: item for item in without_embeddings(audience.items).to_pylist()}
    names = segmentation.columns.column_names
    told = [name for name in names if spec.segments is None or name.partition(":")[2] in spec.segments]
    table = join_columns(audience, segmentation, recommendations)
    table = table.select(["profile_id", "email", *told, "recommendations"])
    return list(_rows(table, spec, told, items))


def _rows(
    table: pa.Table, spec: AttributesSpec, told: list[str], items: Mapping[str, Mapping[str, Any]]
) -> Iterator[Profile]:
    for batch in table.to_batches(max_chunksize=1_000):
        for row in batch.to_pylist():
            try:
                email = wire_email(row["email"] or "")
            except BadAddress:
                continue
            values: dict[str, Value] = {
                f"{spec.prefix}segments": tuple(name.partition(":")[2] for name in told if row[name])
            }
            for number, given in enumerate(row["recommendations"] or (), 1):
                item = items.get(given["item_id"], {})
                for field in spec.fields:
                    values[f"{spec.prefix}rec_{number}_{field}"] = _plain(item.get(field))
            yield Profile(row["profile_id"], email, values)


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
