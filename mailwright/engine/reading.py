"""The stages before any campaign: the data read, the segments, the model. The same for all campaigns."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from audience import Audience, read_audience
from mailwright.catalog import segment_catalog
from mailwright.engine.request import FEEDBACK, LAST_GOOD
from mailwright.errors import ConfigError, ModelError, did_you_mean
from mailwright.learned import learned_of, with_learned
from mailwright.model.identity import fingerprint
from mailwright.models import shelf, training_clock
from mailwright.progress import Progress
from mailwright.shown import SHOWN, read_shown
from mailwright.workspace import Assets, Workspace
from mailwright.workspace.assets import link_pictures
from recommend import Model, load_model, save_model, train
from recommend.embedding import with_embeddings
from segments import Segmentation, assign_segments, compile_segments
from segments.learned import Learned


@dataclass(frozen=True)
class Source:
    """What was read of a workspace: its audience, its published pictures, and what a person should know."""

    audience: Audience
    assets: Assets
    notes: tuple[str, ...] = ()
    learned: Learned = field(default_factory=Learned)
    """The clusters and scores whose columns stand in the audience's profiles."""


def read_workspace(
    workspace: Workspace, *, now: datetime, strict: bool = False, keep: bool = False
) -> Source:
    """Profiles, items and interactions, checked; what was learned of profiles beside them; pictures linked;
    items embedded and those of the last mails known, where the workspace wants it.

    With ``keep`` they are kept as the last good data when nothing refuses them.
    """
    refuse_missing_files(workspace)
    audience = read_audience(
        workspace.root,
        workspace.spec,
        now=now,
        strict=strict,
        rejects_dir=workspace.state / "rejects",
        last_good=workspace.state / LAST_GOOD if keep else None,
        feedback=workspace.state / FEEDBACK,
    )
    assets = Assets(workspace.root, workspace.state / "assets", workspace.spec.assets_base_url)
    items, problems = link_pictures(audience.items, assets)
    wanted = workspace.spec.recommend.embeddings
    if wanted is not None and wanted.model is not None:
        at = workspace.config.at("recommend", "embeddings", "model")
        items = with_embeddings(items, workspace.root / wanted.model, workspace.state / "embeddings", at=at)
    learned = learned_of(workspace)
    audience, noticed = with_learned(replace(audience, items=items), learned, now=now)
    if workspace.spec.recommend.avoid_last_mail:
        audience = replace(audience, shown=read_shown(workspace.state / SHOWN))
    return Source(audience, assets, (*problems, *noticed), learned)


def refuse_missing_files(workspace: Workspace) -> None:
    """Raise ConfigError, at its line, for a data file that is not there."""
    for name in ("profiles", "items", "interactions"):
        source = getattr(workspace.spec.data, name)
        if source is not None and source.path is not None and not (workspace.root / source.path).is_file():
            beside = (workspace.root / source.path).parent
            known = [path.name for path in beside.glob("*")] if beside.is_dir() else []
            raise ConfigError(
                f"there is no file {source.path} in {workspace.root}",
                at=workspace.config.at("data", name, "path"),
                fix=did_you_mean(Path(source.path).name, known) or "add the file, or name the one there is",
            )


def segment_audience(workspace: Workspace, audience: Audience, *, now: datetime) -> Segmentation:
    """Which segments each profile is in."""
    file = workspace.segments_file
    rules = compile_segments(file.value, segment_catalog(workspace), lambda name: file.at(name, "rule"))
    return assign_segments(file.value, rules, audience.profiles, now=now, interactions=audience.interactions)


def trained_model(
    workspace: Workspace,
    audience: Audience,
    *,
    now: datetime,
    seed: int,
    progress: Progress | None = None,
) -> Model:
    """The model that ``mailwright train`` put in place; without one, that of these data, day and seed.

    The latter is trained when it is first asked for, and follows from the inputs alone.
    """
    if any(version.in_place for version in shelf(workspace).versions()):
        return shelf(workspace).current()
    spec = workspace.spec.recommend
    midnight = training_clock(now)
    key = fingerprint(audience.fingerprint, spec.model_dump(mode="json"), seed, midnight.isoformat())
    folder = workspace.state / "models" / "of-data" / key
    if folder.is_dir():
        with suppress(ModelError):  # damaged: made anew below
            return load_model(folder)
    save_model(
        train(audience.interactions, audience.items, spec, now=midnight, seed=seed, progress=progress), folder
    )
    return load_model(folder)
