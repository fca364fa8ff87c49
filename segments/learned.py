"""What was learned, put beside profiles: labels of groups and scores, as columns that rules can name.

Nothing is fitted here. What is not fitted, not published or damaged is missing for everybody, and said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from audience import FEATURES, arrow_schema
from mailwright.errors import ModelError
from mailwright.model.learned import ClusterSpec, ScoreSpec
from mailwright.model.schema import PROFILE_ATTRIBUTES, Schema
from segments.clusters import ClusterModel, load_clusters
from segments.methods import STABLE
from segments.scoremodel import ScoreModel, load_score
from segments.scores import take_score
from segments.shelf import Shelf
from segments.targets import COUNTS, MOMENTS, cohort_of


@dataclass(frozen=True)
class Learned:
    """The clusters and scores that a workspace declares, with the version of each that is in place.

    ``declared`` are the attributes that profiles have of themselves. What has no model has no entry in
    ``clusters`` or ``models``.
    """

    cluster_specs: Mapping[str, ClusterSpec] = field(default_factory=dict)
    score_specs: Mapping[str, ScoreSpec] = field(default_factory=dict)
    declared: Schema = field(default_factory=dict)
    clusters: Mapping[str, ClusterModel] = field(default_factory=dict)
    models: Mapping[str, ScoreModel] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """Models that are there and cannot be read."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order in which they stand beside profiles."""
        return (*self.cluster_specs, *self.score_specs)

    @cached_property
    def computed(self) -> frozenset[str]:
        """All attributes that follow from what a profile did: the features, and the columns made of them."""
        return frozenset(FEATURES) | frozenset(self.names)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know before relying on them."""
        return self.notes_on(self.names)

    def notes_on(self, read: Collection[str]) -> tuple[str, ...]:
        """What of that concerns whoever reads only these names; a damaged model concerns everybody."""
        found = list(self.problems)
        known = {*self.clusters, *self.models, *(n for n, spec in self.score_specs.items() if spec.column)}
        known |= {problem.partition(":")[0] for problem in self.problems}
        if missing := [name for name in self.names if name in read and name not in known]:
            found.append(f"not fitted yet, so missing for everybody: {', '.join(missing)} (mailwright fit)")
        found += [
            f"{name}: the groups are not stable (adjusted Rand index {model.stability:.2f}, below {STABLE})"
            for name, model in self.clusters.items()
            if name in read and model.stability < STABLE
        ]
        found += [
            f"{name}: {model.note}"
            for name, model in self.models.items()
            if name in read and not model.published
        ]
        return tuple(found)

    @cached_property
    def versions(self) -> dict[str, str]:
        """The version behind each column; a column without one is missing for everybody."""
        given = {name: spec.version for name, spec in self.score_specs.items() if spec.version}
        groups = {name: model.version for name, model in self.clusters.items()}
        return groups | {name: model.version for name, model in self.models.items()} | given

    @cached_property
    def reads(self) -> frozenset[str]:
        """The attributes and features that the columns are made of."""
        wanted = {name for spec in self.cluster_specs.values() for name in spec.features}
        wanted |= {spec.column for spec in self.score_specs.values() if spec.column}
        return frozenset(wanted | (COUNTS | MOMENTS if self.models else frozenset()))

    def beside(self, frame: pa.Table, *, now: datetime) -> tuple[pa.Table, tuple[str, ...]]:
        """``frame``, whose features are those of ``now``, with a column for each name (an earlier one of
        that name is replaced), and what was noticed on the way."""
        notes: list[str] = []
        columns = {name: self._labels(name, frame) for name in self.cluster_specs}
        cohort = cohort_of(frame, now) if any(model.published for model in self.models.values()) else None
        for name, spec in self.score_specs.items():
            if spec.column is not None:
                taken = take_score(
                    frame,
                    spec.column,
                    name=name,
                    version=spec.version or "",
                    high=spec.max,
                    auc=spec.auc,
                    min_auc=spec.min_auc,
                )
                notes += [f"{name}: {taken.note}"] if taken.note else []
                columns[name] = taken.values
            elif cohort is not None and name in self.models:
                columns[name] = self.models[name].values(cohort)
            else:
                columns[name] = pa.nulls(frame.num_rows, pa.float64())
        kept = frame.select([name for name in frame.column_names if name not in columns])
        for name, values in columns.items():
            kept = kept.append_column(name, pa.chunked_array([values]))
        return kept, tuple(notes)

    def value(self, name: str, profile: Mapping[str, Any], *, now: datetime) -> Any:
        """One column of one profile, whose features are those of ``now``: the same as among all."""
        only = Learned(
            {n: spec for n, spec in self.cluster_specs.items() if n == name},
            {n: spec for n, spec in self.score_specs.items() if n == name},
            self.declared,
            {n: model for n, model in self.clusters.items() if n == name},
            {n: model for n, model in self.models.items() if n == name},
        )
        schema = arrow_schema(
            {name: known for name, known in self._whole.items() if name in only.reads | {"profile_id"}}
        )
        one = pa.Table.from_pylist([{field.name: profile.get(field.name) for field in schema}], schema)
        return only.beside(one, now=now)[0][name][0].as_py()

    @property
    def _whole(self) -> Schema:
        return PROFILE_ATTRIBUTES | self.declared | FEATURES

    def _labels(self, name: str, frame: pa.Table) -> pa.Array:
        if name not in self.clusters:
            return pa.nulls(frame.num_rows, pa.string())
        return self.clusters[name].column(frame)


def load_learned(
    folder: Path, clusters: Mapping[str, ClusterSpec], scores: Mapping[str, ScoreSpec], declared: Schema
) -> Learned:
    """What stands in place in ``folder`` (a shelf a name) of the clusters and scores that are declared.

    What is declared otherwise than it was fitted (features, method, number; question, learner) is not fitted
    yet; a score below a quality that was raised since is not published.
    """
    problems: list[str] = []
    groups: dict[str, ClusterModel] = {}
    models: dict[str, ScoreModel] = {}
    for name, spec in clusters.items():
        if (place := Shelf(folder / name).current) is not None:
            try:
                group = load_clusters(place)
                if fits(group, spec):
                    groups[name] = group
            except ModelError as error:
                problems.append(f"{name}: {error.what}")
    for name, wanted in scores.items():
        if wanted.predicts and (place := Shelf(folder / name).current) is not None:
            try:
                model = load_score(place)
                if (model.target, model.learner) == (wanted.predicts, wanted.learner):
                    models[name] = model.held_to(wanted.min_auc)
            except ModelError as error:
                problems.append(f"{name}: {error.what}")
    return Learned(dict(clusters), dict(scores), declared, groups, models, tuple(problems))


def fits(model: ClusterModel, spec: ClusterSpec) -> bool:
    """Whether the model is of what is declared."""
    same = model.scaling.features == spec.features and model.method == spec.method
    return same and (spec.k is None or spec.method == "dbscan" or len(model.personas) == spec.k)
