"""Pictures of results: rates with their intervals, and an experiment as it went day by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mailwright.errors import DataError
from measure.experiments import ExperimentResult
from measure.rates import Difference, Sample
from measure.results import Results
from measure.sequential import sequential_difference

MOST_BARS = 20
_STEPS = ("sent", "delivered", "opened", "clicked", "converted")
_BLUE, _GREY, _RED = "#2b6cb0", "#718096", "#c53030"


def plot_results(results: Results, folder: Path) -> tuple[Path, ...]:
    """Write PNG pictures: the funnel, click rates by segment and block, and each experiment.

    Simulated results say so in every picture. Raises DataError when the folder cannot be written.
    """
    figures = {"funnel": _funnel(results)}
    for dimension in ("segment", "block"):
        if results.rows(dimension).num_rows:
            figures[f"{dimension}s"] = _rates(results, dimension)
    for number, result in enumerate(results.experiments, 1):
        figures[f"experiment-{number}"] = _experiment(result)
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            if results.simulated:
                _say(figure, "simulated outcomes")
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1], dpi=110)
    except OSError as error:
        raise DataError(f"cannot write the pictures to {folder}: {error}") from error
    return tuple(paths)


def _funnel(results: Results) -> Figure:
    row = results.rows("all").to_pylist()[0]
    figure, axes = _canvas(f"{results.campaign or 'all campaigns'}", len(_STEPS))
    counts = [row[step] for step in _STEPS]
    axes.barh(_STEPS, counts, color=_BLUE)
    for place, count in enumerate(counts):
        share = f" ({count / counts[0]:.1%})" if counts[0] else ""
        axes.text(count, place, f" {count:,}{share}", va="center")
    axes.invert_yaxis()
    axes.margins(x=0.25)
    axes.set_xlabel("messages")
    return figure


def _rates(results: Results, dimension: str) -> Figure:
    rows = [row for row in results.rows(dimension).to_pylist() if row["clicked_rate"] is not None][:MOST_BARS]
    figure, axes = _canvas(f"clicked, of the delivered, by {dimension}", len(rows))
    labels = [": ".join(part for part in (row["name"], row["value"]) if part) for row in rows]
    _dots(axes, labels, [(row["clicked_rate"], row["clicked_low"], row["clicked_high"]) for row in rows])
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("click rate with its 95 % interval")
    return figure


def _experiment(result: ExperimentResult) -> Figure:
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, 1)
    _title(above, f"{result.name} (version {result.version}): {result.metric}")
    _dots(above, [arm.name for arm in result.arms], [(arm.value, arm.low, arm.high) for arm in result.arms])
    above.margins(y=0.4)
    if result.metric != "revenue":
        above.xaxis.set_major_formatter(PercentFormatter(1))
        below.yaxis.set_major_formatter(PercentFormatter(1))
    for comparison in result.comparisons:
        days, difference = _sequence(result, comparison.arm)
        below.plot(days, difference.value, label=_plain(comparison.arm))
        below.fill_between(days, difference.low, difference.high, alpha=0.2)
    below.axhline(0, color=_GREY, linewidth=1)
    below.set_ylabel(f"difference to {_plain(result.control)}")
    below.set_xlabel("day of the first mail; the band may be looked at every day")
    if result.comparisons:
        below.legend()
    return figure


def _sequence(result: ExperimentResult, arm: str) -> tuple[list[date], Difference]:
    """The difference of an arm to the control, with its always-valid band, after each day."""
    days = sorted(set(result.days["day"]))
    samples = []
    for name in (result.control, arm):
        own = result.days[result.days["arm"] == name].groupby("day")[["profiles", "total", "squares"]].sum()
        sums = own.reindex(pd.Index(days), fill_value=0).cumsum()
        samples.append(Sample.of(sums["profiles"], sums["total"], sums["squares"]))
    settings = result.settings
    alpha = settings.alpha / max(1, len(settings.arms) - 1)
    return days, sequential_difference(*samples, alpha=alpha, horizon=settings.horizon)


def _dots(axes: Axes, labels: Sequence[str], intervals: Sequence[tuple[float, float, float]]) -> None:
    places = np.arange(len(labels))
    for place, (value, low, high) in zip(places, intervals, strict=True):
        axes.plot([low, high], [place, place], color=_GREY, linewidth=2)
        axes.plot([value], [place], "o", color=_BLUE)
    axes.set_yticks(places, [_plain(label) for label in labels])
    axes.invert_yaxis()


def _canvas(title: str, bars: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 1.5 + 0.4 * max(1, bars)), layout="constrained")
    axes = figure.subplots()
    _title(axes, title)
    return figure, axes


def _title(axes: Axes, text: str) -> None:
    axes.set_title(_plain(text))


def _say(figure: Figure, text: str) -> None:
    figure.text(0.99, 0.01, text, ha="right", va="bottom", color=_RED, fontsize=9)


def _plain(text: str) -> str:
    """Names come from files and links: short, on one line, and never read as a formula."""
    line = " ".join(text.split()).replace("\\", "/").replace("$", r"\$")
    return line if len(line) <= 60 else line[:59] + "…"
