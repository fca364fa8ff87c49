"""Pictures of an evaluation: the chain beside popularity, overall, for cold profiles and by segment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from recommend.evaluation import Evaluation

OURS, PLAIN = "#2f5d8a", "#c9b27c"
MEASURES = ("ndcg", "recall", "map", "hit_rate", "coverage")


def plot_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write the picture; its format is the path's ending (svg, png, pdf)."""
    groups = {
        "everybody": (evaluation.overall, evaluation.popularity),
        "cold": (evaluation.cold, evaluation.cold_popularity),
        **evaluation.segments,
    }
    groups = {name: both for name, both in groups.items() if both[0].profiles}
    figure = Figure(figsize=(11, 3.2 + 0.3 * len(groups)), layout="constrained")
    left, right = figure.subplots(1, 2)
    at = np.arange(len(MEASURES))
    for shift, metrics, colour, label in (
        (-0.2, evaluation.overall, OURS, "Mailwright"),
        (0.2, evaluation.popularity, PLAIN, "popularity"),
    ):
        bars = left.bar(
            at + shift, [getattr(metrics, one) for one in MEASURES], 0.4, color=colour, label=label
        )
        left.bar_label(bars, fmt="%.3f", fontsize=8)
    left.set_xticks(at, [one.replace("_", " ") for one in MEASURES])
    left.set_title(f"at {evaluation.n} items, {evaluation.cut[:10]} to {evaluation.end[:10]}")
    left.legend()
    place = np.arange(len(groups))[::-1]
    for shift, which, colour in ((0.2, 0, OURS), (-0.2, 1, PLAIN)):
        right.barh(place + shift, [both[which].ndcg for both in groups.values()], 0.4, color=colour)
    labels = [f"{name} ({both[0].profiles})" for name, both in groups.items()]
    right.set_yticks(place, labels)
    right.set_title(f"nDCG@{evaluation.n} (profiles judged)")
    figure.savefig(path)
