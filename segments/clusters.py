"""Clusters: groups that the data makes by itself, fitted once, saved, and applied to new profiles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from threadpoolctl import threadpool_limits

from mailwright.errors import DataError, ModelError
from mailwright.model.identity import fingerprint
from mailwright.model.learned import ClusterMethod as Method
from segments.matrix import Floats, Scaling, fit_scaling, numeric_matrix
from segments.methods import SAMPLE, Choice, Partition, choose_k, partition, stability
from segments.personas import Persona, Significance, compare_features, describe

Labels = npt.NDArray[np.int32]
LEAST_ROWS = 50
LEAST_TOGETHER = 10
"""Members of a cluster below which its centre tells of single people."""
_ARRAYS = ("fill", "logged", "mean", "scale", "axes")


@dataclass(frozen=True)
class ClusterModel:
    """Clusters as they were found: enough to put any profile into one, and to say what each is like.

    ``points`` are what a new profile is compared with (rows in the projected space) and ``owners`` the
    cluster of each: centroids, or DBSCAN's core points, from which it may lie ``reach`` away at most.
    """

    method: Method
    scaling: Scaling
    points: Floats
    owners: Labels
    reach: float | None
    personas: tuple[Persona, ...]
    significance: tuple[Significance, ...]
    choice: Choice | None
    stability: float
    """Mean adjusted Rand index between these clusters and those of resamples: 1 the same, 0 chance."""
    version: str
    fitted_at: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The label of each cluster, by its number."""
        return tuple(persona.label for persona in self.personas)

    def assign(self, frame: pa.Table) -> Labels:
        """The number of each row's cluster, without fitting anything; -1: in none (DBSCAN's noise).

        Raises DataError when ``frame`` lacks a feature.
        """
        return self._nearest(self.scaling.project(numeric_matrix(frame, self.scaling.features)))

    def column(self, frame: pa.Table) -> pa.Array:
        """The label of each row's cluster; NULL: in none."""
        numbers = self.assign(frame)
        return pa.array(self.names, pa.string()).take(pa.array(numbers, mask=numbers < 0))

    @property
    def holds_people(self) -> bool:
        """Whether single profiles stand in the model: DBSCAN's core points, or the centre of very few.

        Such a model has to go when somebody is erased; one of averages over many may stay.
        """
        return self.method == "dbscan" or any(persona.size < LEAST_TOGETHER for persona in self.personas)

    def _nearest(self, projected: Floats) -> Labels:
        from sklearn.neighbors import NearestNeighbors  # takes seconds, and most commands put nobody anywhere

        if not len(projected):
            return np.zeros(0, dtype=np.int32)
        distances, places = NearestNeighbors(n_neighbors=1).fit(self.points).kneighbors(projected)
        found = self.owners[places[:, 0]]
        return (
            found
            if self.reach is None
            else np.where(distances[:, 0] <= self.reach, found, -1).astype(np.int32)
        )

    def save(self, folder: Path) -> None:
        """Writes ``clusters.json`` and ``clusters.npz`` (arrays only, nothing that runs when read)."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {"points": self.points, "owners": self.owners}
        for name in _ARRAYS:
            if (value := getattr(self.scaling, name)) is not None:
                arrays[name] = value
        np.savez(folder / "clusters.npz", allow_pickle=False, **arrays)
        kept = {
            name: getattr(self, name) for name in ("method", "reach", "stability", "version", "fitted_at")
        }
        kept |= {"features": self.scaling.features, "personas": [asdict(each) for each in self.personas]}
        kept |= {"significance": [asdict(each) for each in self.significance]}
        kept |= {"choice": None if self.choice is None else asdict(self.choice)}
        (folder / "clusters.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")


def load_clusters(folder: Path) -> ClusterModel:
    """The model that ``ClusterModel.save`` wrote. Raises ModelError when it is missing or damaged."""
    try:
        kept = json.loads((folder / "clusters.json").read_text(encoding="utf-8"))
        with np.load(folder / "clusters.npz", allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in arrays.files}
        scaled: dict[str, Any] = {name: held.get(name) for name in _ARRAYS}
        scaling = Scaling(features=tuple(kept["features"]), **scaled)
        return ClusterModel(
            method=kept["method"],
            scaling=scaling,
            points=held["points"],
            owners=held["owners"],
            reach=kept["reach"],
            personas=tuple(Persona.from_json(each) for each in kept["personas"]),
            significance=tuple(Significance(**each) for each in kept["significance"]),
            choice=None if kept["choice"] is None else Choice(**kept["choice"]),
            stability=kept["stability"],
            version=kept["version"],
            fitted_at=kept["fitted_at"],
        )
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise ModelError(f"no clusters can be read from {folder}: {error}", fix="fit them again") from error


def fit_clusters(
    frame: pa.Table,
    features: Sequence[str],
    *,
    method: Method = "kmeans",
    k: int | None = None,
    components: int | None = None,
    categories: Sequence[str] = (),
    seed: int = 0,
    now: datetime | None = None,
) -> ClusterModel:
    """Clusters of ``frame`` by its numeric ``features``.

    ``k`` None: chosen (``choice`` holds the reasons; DBSCAN finds its own). ``components``: PCA to so many
    axes. ``categories`` are text columns that describe the clusters without making them. K-Means sees every
    row, the others a sample of 10,000. Raises DataError for fewer than 50 rows, no feature, or no cluster
    found.
    """
    with threadpool_limits(1):  # threads would only wait for each other, and sum in another order on each run
        model = _fit(frame, features, method, k, components, categories, seed)
    return model if now is None else replace(model, fitted_at=now.isoformat())


def _fit(
    frame: pa.Table, features: Sequence[str], method: Method, k: int | None, components: int | None,
    categories: Sequence[str], seed: int,
) -> ClusterModel:  # fmt: skip
    raw = numeric_matrix(frame, features)
    if len(raw) < LEAST_ROWS or not features:
        raise DataError(f"clusters need at least {LEAST_ROWS} profiles and one feature, not {len(raw)}")
    scaling = fit_scaling(raw, features, components=components)
    projected = scaling.project(raw)
    rng = np.random.default_rng(seed)
    sample = rng.choice(len(raw), min(SAMPLE, len(raw)), replace=False)
    choice = choose_k(projected[sample], seed) if k is None and method != "dbscan" else None
    found = partition(method, projected, sample, k or (choice.k if choice else 0), seed)
    if not len(found.owners):
        raise DataError(f"{method} found no cluster in these features", fix="use kmeans, or other features")
    model = ClusterModel(
        method=method,
        scaling=scaling,
        points=found.points,
        owners=found.owners,
        reach=found.reach,
        personas=(),
        significance=(),
        choice=choice,
        stability=0.0,
        version="",
    )
    return _described(_by_size(model, projected), frame, raw, projected, categories, sample, seed)


def _by_size(model: ClusterModel, projected: Floats) -> ClusterModel:
    """The same clusters, numbered from the largest down: the numbers of an algorithm mean nothing."""
    numbers = model._nearest(projected)
    sizes = np.bincount(numbers[numbers >= 0], minlength=int(model.owners.max()) + 1)
    rank = np.empty(len(sizes), dtype=np.int32)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes), dtype=np.int32)
    return replace(model, owners=rank[model.owners])


def _described(
    model: ClusterModel, frame: pa.Table, raw: Floats, projected: Floats, categories: Sequence[str],
    sample: npt.NDArray[np.int64], seed: int,
) -> ClusterModel:  # fmt: skip
    numbers = model._nearest(projected)

    def again(rows: Floats) -> Partition:
        return partition(model.method, rows, np.arange(len(rows)), int(model.owners.max()) + 1, seed)

    version = fingerprint(
        model.method, list(model.scaling.features), model.points.tobytes(), model.owners.tobytes()
    )
    return replace(
        model,
        personas=describe(frame, raw, model.scaling, numbers, categories),
        significance=compare_features(frame, raw, model.scaling.features, numbers, categories),
        stability=stability(projected[sample], numbers[sample], again, seed),
        version=version[:12],
    )


def summary(model: ClusterModel) -> dict[str, Any]:
    """What ``--json`` prints of a model."""
    return {
        "version": model.version,
        "method": model.method,
        "k": len(model.personas),
        "stability": round(model.stability, 3),
        "fitted_at": model.fitted_at,
        "sizes": {persona.label: persona.size for persona in model.personas},
    }
