"""Reads a workspace's YAML and checks that its names fit together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from audience import FEATURES
from mailwright.errors import ConfigError, Location, UsageError, did_you_mean
from mailwright.model.campaign import CampaignSpec
from mailwright.model.segment import SegmentSpec
from mailwright.model.trigger import TriggerSpec
from mailwright.model.workspace import WorkspaceSpec
from mailwright.model.yamltext import Located, parse_yaml
from mailwright.workspace.learned import check_learned

T = TypeVar("T")

CONFIG = "mailwright.yaml"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

RESERVED = frozenset(
    [
        "abort",
        "asset",
        "brand",
        "campaign",
        "email_key",
        "email_problem",
        "item",
        "loop",
        "now",
        "preheader",
        "preferences_url",
        "recommendation_note",
        "recommendations",
        "segment",
        "subject",
        "t",
        "theme",
        "unsubscribe_url",
        "view_url",
    ]
)
"""Names of templates and frames that no attribute of a profile can have."""

LARGEST_YAML = 1_000_000
"""Bytes; a larger file is a mistake or an attack."""


@dataclass(frozen=True)
class Workspace:
    """A folder with a ``mailwright.yaml``, all of whose YAML has been read and found to fit together."""

    root: Path
    config: Located[WorkspaceSpec]
    segments_file: Located[dict[str, SegmentSpec]]
    campaign_files: Mapping[str, Located[CampaignSpec]] = field(default_factory=dict)
    trigger_files: Mapping[str, Located[TriggerSpec]] = field(default_factory=dict)

    @property
    def spec(self) -> WorkspaceSpec:
        return self.config.value

    @property
    def segments(self) -> Mapping[str, SegmentSpec]:
        return self.segments_file.value

    @property
    def state(self) -> Path:
        """Where Mailwright keeps what it made: models, compiled templates, the outbox. Safe to delete
        but for the outbox, which remembers who was sent what."""
        return self.root / ".mailwright"

    def campaign(self, name: str) -> Located[CampaignSpec]:
        """The campaign of that name; raises UsageError with the nearest one."""
        if name not in self.campaign_files:
            fix = did_you_mean(name, self.campaign_files) or "add a file to campaigns/"
            raise UsageError(f"there is no campaign {name!r} in {self.root / 'campaigns'}", fix=fix)
        return self.campaign_files[name]


def open_workspace(root: Path) -> Workspace:
    """Read and check every YAML file of the workspace; raises ConfigError at the first that is wrong."""
    if not (root / CONFIG).is_file():
        raise UsageError(
            f"{root} is not a workspace: it has no {CONFIG}",
            fix="name one with --workspace DIR, or make one with `mailwright init DIR`",
        )
    workspace = Workspace(
        root=root,
        config=_read(root, root / CONFIG, WorkspaceSpec),
        segments_file=_read_optional(root, root / "segments.yaml", dict[str, SegmentSpec]),
        campaign_files=_read_folder(root, "campaigns", CampaignSpec),
        trigger_files=_read_folder(root, "triggers", TriggerSpec),
    )
    _check_names(workspace)
    return workspace


def _read_folder(root: Path, folder: str, model: type[T]) -> dict[str, Located[T]]:
    files = sorted((root / folder).glob("*.yaml")) + sorted((root / folder).glob("*.yml"))
    read: dict[str, Located[T]] = {}
    for path in files:
        if path.stem in read:
            raise ConfigError(
                f"{path.stem!r} is defined in {read[path.stem].file} too",
                at=Location(_shown(root, path)),
                fix="keep one of the two files",
            )
        read[path.stem] = _read(root, path, model)
    return read


def _read_optional(root: Path, path: Path, model: Any) -> Located[Any]:
    return _read(root, path, model) if path.exists() else parse_yaml("", model, file=_shown(root, path))


def _read(root: Path, path: Path, model: Any) -> Located[Any]:
    shown = _shown(root, path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", at=Location(shown)) from error
    if len(raw) > LARGEST_YAML:
        raise ConfigError(f"is larger than {LARGEST_YAML:,} bytes", at=Location(shown))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "this is not UTF-8", at=Location(shown, line), fix="save the file as UTF-8"
        ) from error
    return parse_yaml(text, model, file=shown)


def _shown(root: Path, path: Path) -> str:
    """The path as errors and traces show it: the same wherever the workspace stands."""
    return path.relative_to(root).as_posix()


def _check_schemas(workspace: Workspace) -> None:
    """Raise ConfigError for an attribute whose name is none, or means something else already."""
    for section in ("profile", "item", "event", "clusters", "scores"):
        for name in getattr(workspace.spec, section):
            at = workspace.config.at_key(section, name)
            if not NAME.fullmatch(name):
                raise ConfigError(
                    f"{name!r} is no name of an attribute", at=at, fix="letters, digits and _, no digit first"
                )
            if section not in ("item", "event") and (name in FEATURES or name in RESERVED):
                what = (
                    "is computed from interactions"
                    if name in FEATURES
                    else "means something else in templates"
                )
                raise ConfigError(f"{name!r} {what}", at=at, fix="give the attribute another name")


def _check_embeddings(workspace: Workspace) -> None:
    """Raise ConfigError for an attribute that no item has, or that is no list of numbers."""
    spec = workspace.spec.recommend.embeddings
    if spec is None or spec.attribute is None:
        return
    at = workspace.config.at("recommend", "embeddings", "attribute")
    attribute = workspace.spec.item.get(spec.attribute)
    if attribute is None:
        fix = did_you_mean(spec.attribute, workspace.spec.item) or "declare it under item"
        raise ConfigError(f"items have no attribute {spec.attribute!r}", at=at, fix=fix)
    if attribute.items is None or attribute.items.type not in ("number", "integer"):
        fix = "declare it as { type: list, items: { type: number } }"
        raise ConfigError(f"{spec.attribute!r} is no list of numbers", at=at, fix=fix)


def _check_names(workspace: Workspace) -> None:
    _check_schemas(workspace)
    check_learned(workspace.config)
    _check_embeddings(workspace)
    for name, segment in workspace.segments.items():
        if segment.parent is not None and segment.parent not in workspace.segments:
            raise ConfigError(
                f"segment {name!r} has an unknown parent {segment.parent!r}",
                at=workspace.segments_file.at(name, "parent"),
                fix=did_you_mean(segment.parent, workspace.segments),
            )
    for trigger in workspace.trigger_files.values():
        for campaign in trigger.value.campaigns:
            if campaign not in workspace.campaign_files:
                raise ConfigError(
                    f"there is no campaign {campaign!r}",
                    at=trigger.at("campaign" if trigger.value.campaign else "steps"),
                    fix=did_you_mean(campaign, workspace.campaign_files) or "add a file to campaigns/",
                )
