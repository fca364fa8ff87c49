"""Finds the groups and makes the scores that a workspace declares, and puts them in place.

A new version takes the place of the one before unless a rule names a group that is gone: a segment that
silently became empty would be the wrong mail to many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audience import Audience
from mailwright.catalog import segment_catalog
from mailwright.errors import DataError, MailwrightError, RuleError, UsageError, did_you_mean
from mailwright.learned import labelled, learned_folder
from mailwright.progress import Progress
from mailwright.workspace import Workspace
from rules import compile_rule
from segments import compile_segments, fit_clusters, fit_scores
from segments.clusters import ClusterModel
from segments.scoremodel import ScoreModel
from segments.shelf import Shelf


@dataclass(frozen=True)
class Fit:
    """What came of one cluster or score: the model, or why there is none (``refused``).

    ``in_place`` is False when there is none, and when the version before stays for the reason given.
    """

    name: str
    model: ClusterModel | ScoreModel | None
    in_place: bool
    refused: str = ""


def fit_learned(
    workspace: Workspace,
    audience: Audience,
    names: Sequence[str],
    *,
    now: datetime,
    seed: int,
    force: bool = False,
    progress: Progress | None = None,
) -> list[Fit]:
    """Fit what is named (nothing named: all that is declared) on the audience as it is ``now``.

    ``force`` puts a version in place though rules name groups that it does not have. Raises UsageError for an
    unknown name, or when there is nothing to fit.
    """
    wanted = _wanted(workspace, names)
    fits: list[Fit] = []
    for name in (name for name in workspace.spec.clusters if name in wanted):
        fits.append(_cluster(workspace, audience, name, now, seed, force))
        _tell(progress, len(fits), len(wanted))
    for fit in _scores(workspace, audience, wanted, now, seed):
        fits.append(fit)
        _tell(progress, len(fits), len(wanted))
    return fits


def put_back(workspace: Workspace, name: str, version: str) -> None:
    """Put a version that was fitted before in place again. Raises UsageError for one that is not kept."""
    _wanted(workspace, [name])
    Shelf(learned_folder(workspace) / name).put_back(version)


def _wanted(workspace: Workspace, names: Sequence[str]) -> list[str]:
    spec = workspace.spec
    fitted = [*spec.clusters, *(name for name, score in spec.scores.items() if score.predicts)]
    for name in names:
        if name in spec.scores and name not in fitted:
            raise UsageError(f"{name} is taken from the column {spec.scores[name].column}: nothing to fit")
        if name not in fitted:
            raise UsageError(f"there is no cluster or score {name!r}", fix=did_you_mean(name, fitted))
    if not fitted:
        what = "the workspace declares no clusters and no scores"
        raise UsageError(what, fix="declare some under clusters: or scores: in mailwright.yaml")
    return list(names) or fitted


def _cluster(
    workspace: Workspace, audience: Audience, name: str, now: datetime, seed: int, force: bool
) -> Fit:
    spec = workspace.spec.clusters[name]
    try:
        model = fit_clusters(
            audience.profiles,
            spec.features,
            method=spec.method,
            k=spec.k,
            components=spec.components,
            categories=spec.categories,
            seed=seed,
            now=now,
        )
    except DataError as error:
        return Fit(name, None, False, error.what)
    if not force and (gone := _rules_without(workspace, name, model)):
        return Fit(name, model, False, gone)
    return _kept(workspace, name, model)


def _scores(
    workspace: Workspace, audience: Audience, wanted: Sequence[str], now: datetime, seed: int
) -> list[Fit]:
    """Those that are fitted alike together, for they look at the same moments."""
    alike = defaultdict(list)
    for name, spec in workspace.spec.scores.items():
        if name in wanted:
            alike[spec.learner, spec.min_auc].append(name)
    fits: list[Fit] = []
    for (learner, min_auc), names in alike.items():
        asked = {name: str(workspace.spec.scores[name].predicts) for name in names}
        found = fit_scores(
            audience.profiles,
            audience.interactions,
            audience.items,
            now=now,
            targets=sorted(set(asked.values())),
            learner=learner,
            min_auc=min_auc,
            seed=seed,
        )
        for name, target in asked.items():
            if (model := found[target].model) is not None:
                fits.append(_kept(workspace, name, model))
    return fits


def _kept(workspace: Workspace, name: str, model: ClusterModel | ScoreModel) -> Fit:
    save: Callable[[Path], None] = model.save
    Shelf(learned_folder(workspace) / name).put(model.version, save)
    return Fit(name, model, True)


def _rules_without(workspace: Workspace, name: str, model: ClusterModel) -> str:
    """The first rule of segments or campaigns that names a group which the model does not have."""
    schema = labelled(workspace)
    schema[name] = schema[name].model_copy(update={"allowed": model.names})
    catalog, file = segment_catalog(workspace, schema), workspace.segments_file
    try:
        compile_segments(file.value, catalog, lambda segment: file.at(segment, "rule"))
        for campaign in workspace.campaign_files.values():
            compile_rule(campaign.value.audience, catalog, at=campaign.at("audience"))
    except RuleError as error:
        groups = ", ".join(model.names)
        return f"the version before stays: {error.at}: {error.what} (the groups are now {groups})"
    except MailwrightError:
        return ""  # what else is wrong is said where it is read
    return ""


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
