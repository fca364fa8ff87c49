"""Pictures of segments and clusters, as PNG bytes for a file or a page. One function a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from segments.audit import SegmentAudit
from segments.clusters import ClusterModel
from segments.drift import ALERT, WATCH, Drift
from segments.matrix import fit_scaling, numeric_matrix

MAP_POINTS = 3_000
"""Profiles on a cluster map; more are only ink."""
DRIFT_BARS = 16


def draw_sizes(sizes: Mapping[str, int]) -> bytes:
    """A bar a segment, the largest on top, with its number of profiles."""
    figure, axes = _canvas(height=1 + 0.35 * max(len(sizes), 1))
    names = sorted(sizes, key=lambda name: (sizes[name], name))
    bars = axes.barh([_plain(name) for name in names], [sizes[name] for name in names], color="#3b6ea5")
    axes.bar_label(bars, labels=[f"{sizes[name]:,}" for name in names], padding=3)
    axes.set_xlabel("profiles")
    axes.margins(x=0.12)
    return _png(figure)


def draw_overlap(audit: SegmentAudit) -> bytes:
    """A heat map: of each pair of segments, shared members over all members."""
    size = 2 + 0.5 * max(len(audit.names), 1)
    figure, axes = _canvas(width=size + 1, height=size)
    values = audit.jaccard()
    image = axes.imshow(values, vmin=0, vmax=1, cmap="Blues")
    ticks = range(len(audit.names))
    labels = [_plain(name) for name in audit.names]
    axes.set_xticks(ticks, labels, rotation=45, ha="right")
    axes.set_yticks(ticks, labels)
    for i in ticks:
        for j in ticks:
            colour = "white" if values[i, j] > 0.6 else "black"
            axes.text(j, i, f"{values[i, j]:.0%}", ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, ax=axes, label="shared of all members")
    return _png(figure)


def draw_choice(model: ClusterModel) -> bytes:
    """Inertia (the elbow) and silhouette over the numbers of clusters that were tried."""
    figure, axes = _canvas()
    if model.choice is None:
        axes.text(0.5, 0.5, "the number of clusters was not chosen by trial", ha="center")
        return _png(figure)
    choice = model.choice
    axes.plot(choice.ks, choice.inertia, "o-", color="#3b6ea5", label="inertia")
    axes.axvline(choice.elbow, color="#3b6ea5", linestyle=":", label=f"elbow: {choice.elbow}")
    axes.set_xlabel("clusters")
    axes.set_ylabel("inertia")
    right = axes.twinx()
    right.plot(choice.ks, choice.silhouette, "s-", color="#c2571a", label="silhouette")
    right.axvline(choice.k, color="#c2571a", linestyle="--", label=f"chosen: {choice.k}")
    right.set_ylabel("silhouette")
    figure.legend(loc="outside upper center", ncols=4, fontsize=8)
    return _png(figure)


def draw_clusters(model: ClusterModel, frame: pa.Table, *, seed: int = 0) -> bytes:
    """Profiles on the two axes that tell them apart best (PCA), coloured by cluster."""
    figure, axes = _canvas(height=5)
    count = min(MAP_POINTS, frame.num_rows)
    rows = np.sort(np.random.default_rng(seed).choice(frame.num_rows, count, replace=False))
    seen = frame.take(pa.array(rows))
    raw = numeric_matrix(seen, model.scaling.features)
    flat = fit_scaling(raw, model.scaling.features, components=2).project(raw)
    if flat.shape[1] < 2:
        flat = np.column_stack([flat[:, 0], np.zeros(len(flat))])
    numbers = model.assign(seen)
    for number in sorted(set(numbers.tolist())):
        inside, name = numbers == number, model.names[number] if number >= 0 else "in none"
        colour = "#bbbbbb" if number < 0 else f"C{number % 10}"
        axes.scatter(flat[inside, 0], flat[inside, 1], s=6, color=colour, label=_plain(name), alpha=0.6)
    axes.set_xlabel("first axis")
    axes.set_ylabel("second axis")
    axes.legend(fontsize=8, markerscale=2)
    return _png(figure)


def draw_drift(drift: Drift) -> bytes:
    """The population stability index of segments' shares and of watched columns, with the two limits.

    Only the ``DRIFT_BARS`` that moved most.
    """
    values = {f"share of {name}": psi for name, psi in drift.share_psi.items()} | dict(drift.psi)
    names = sorted(values, key=lambda name: (values[name], name))[-DRIFT_BARS:]
    figure, axes = _canvas(width=8, height=1.2 + 0.3 * max(len(names), 1))
    colours = [
        "#b3261e" if values[n] > ALERT else "#c2571a" if values[n] > WATCH else "#3b6ea5" for n in names
    ]
    bars = axes.barh([_plain(name) for name in names], [values[name] for name in names], color=colours)
    axes.bar_label(bars, labels=[f"{values[name]:.3f}" for name in names], padding=3, fontsize=8)
    for limit in (WATCH, ALERT):
        axes.axvline(limit, color="black", linestyle=":", linewidth=1)
    axes.set_xlabel("population stability index (dotted: watch, alert)")
    return _png(figure)


def _plain(text: str) -> str:
    """The text as it is: matplotlib would read dollar signs as formulas."""
    return text.replace("$", r"\$")


def _canvas(*, width: float = 7, height: float = 4) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _png(figure: Figure) -> bytes:
    """The picture, byte for byte the same on every run: no date, no version inside."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return buffer.getvalue()
