"""What a cluster is like, in words: a label, the traits that set it apart, and whether they are real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy

from segments.matrix import Floats, Scaling

Labels = npt.NDArray[np.int32]

WORDS = {
    "purchases": ("loyal", "occasional"),
    "purchases_30d": ("buying", "not buying"),
    "purchases_90d": ("frequent", "infrequent"),
    "purchases_365d": ("loyal", "occasional"),
    "total_spent": ("high-value", "low-value"),
    "spent_365d": ("high-value", "low-value"),
    "average_order_value": ("big-basket", "small-basket"),
    "views": ("browsing", "hardly browsing"),
    "views_30d": ("browsing", "hardly browsing"),
    "engagement": ("engaged", "silent"),
    "engagement_velocity": ("rising", "fading"),
    "rfm_recency": ("recent", "lapsed"),
    "rfm_frequency": ("loyal", "occasional"),
    "rfm_monetary": ("high-value", "low-value"),
}
"""Feature → what people say of a lot of it, and of little. Others are called "high …" and "low …"."""

NOTABLE = 0.5
"""Standard deviations from the mean of all before a feature becomes a word."""


@dataclass(frozen=True)
class Persona:
    """One cluster: ``share`` of all profiles; ``medians`` by feature; ``traits`` are sentences, strongest
    first; ``usual`` is the most common value of each category and its share among the members."""

    label: str
    size: int
    share: float
    medians: dict[str, float]
    traits: tuple[str, ...]
    usual: dict[str, tuple[str, float]]

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Persona:
        """The persona that ``dataclasses.asdict`` and JSON made ``kept`` of."""
        usual = {name: (str(value), float(share)) for name, (value, share) in kept["usual"].items()}
        return cls(**kept | {"traits": tuple(kept["traits"]), "usual": usual})


@dataclass(frozen=True)
class Significance:
    """Whether a feature differs between the clusters. ``effect`` is η² or Cramér's V: how much, from 0 to 1.

    The features that made the clusters differ almost by construction; their effect says which of them
    counted.
    """

    feature: str
    test: str
    statistic: float
    p: float
    effect: float


def describe(
    frame: pa.Table, raw: Floats, scaling: Scaling, numbers: Labels, categories: Sequence[str]
) -> tuple[Persona, ...]:
    """A persona for every cluster, by number; no two have the same label."""
    standard, features = scaling.standardise(raw), scaling.features
    whole = np.nanmedian(np.where(np.isnan(raw), scaling.fill, raw), axis=0)
    personas: list[Persona] = []
    for number in range(int(numbers.max()) + 1):
        inside = numbers == number
        scores = standard[inside].mean(axis=0) if inside.any() else np.zeros(len(features))
        medians = (
            np.median(np.where(np.isnan(raw), scaling.fill, raw)[inside], axis=0) if inside.any() else whole
        )
        strongest = np.argsort(-np.abs(scores), kind="stable")
        traits = tuple(
            _trait(features[n], medians[n], whole[n]) for n in strongest if abs(scores[n]) >= NOTABLE
        )
        personas.append(
            Persona(
                label=_unused(_label(features, scores, strongest), [each.label for each in personas]),
                size=int(inside.sum()),
                share=float(inside.mean()),
                medians={name: round(float(value), 4) for name, value in zip(features, medians, strict=True)},
                traits=traits,
                usual={name: _usual(frame[name], inside) for name in categories},
            )
        )
    return tuple(personas)


def _label(features: Sequence[str], scores: Floats, strongest: npt.NDArray[np.int64]) -> str:
    words: list[str] = []
    for n in strongest:
        if abs(scores[n]) >= NOTABLE and len(words) < 2:
            plain = features[n].replace("_", " ")
            word = WORDS.get(features[n], (f"high {plain}", f"low {plain}"))[int(scores[n] < 0)]
            words += [word] if word not in words else []
    return " ".join(words) or "average"


def _unused(label: str, taken: Sequence[str]) -> str:
    candidate, n = label, 1
    while candidate in taken:
        n += 1
        candidate = f"{label} {n}"
    return candidate


def _trait(feature: str, median: float, whole: float) -> str:
    plain = feature.replace("_", " ")
    return f"{plain}: typically {_short(median)} ({_short(whole)} over all profiles)"


def _short(value: float) -> str:
    return f"{value:,.4g}" if abs(value) >= 1 else f"{value:.2g}"


def _usual(column: pa.ChunkedArray, inside: npt.NDArray[np.bool_]) -> tuple[str, float]:
    members = column.filter(pa.array(inside))
    counts = sorted((-row["counts"], str(row["values"])) for row in pc.value_counts(members).to_pylist())
    return (counts[0][1], -counts[0][0] / len(members)) if counts else ("", 0.0)


def compare_features(
    frame: pa.Table, raw: Floats, features: Sequence[str], numbers: Labels, categories: Sequence[str]
) -> tuple[Significance, ...]:
    """One-way ANOVA for each numeric feature, chi-squared for each category; the largest effect first."""
    clusters = [number for number in range(int(numbers.max()) + 1) if (numbers == number).sum() > 1]
    found = [_anova(name, raw[:, n], numbers, clusters) for n, name in enumerate(features)]
    found += [_chi_squared(name, frame[name], numbers, clusters) for name in categories]
    return tuple(sorted((each for each in found if each is not None), key=lambda each: -each.effect))


def _anova(name: str, column: Floats, numbers: Labels, clusters: Sequence[int]) -> Significance | None:
    groups = [column[(numbers == number) & ~np.isnan(column)] for number in clusters]
    groups = [group for group in groups if len(group) > 1]
    everyone = np.concatenate(groups) if groups else np.array([])
    total = float(((everyone - everyone.mean()) ** 2).sum()) if everyone.size else 0.0
    if len(groups) < 2 or total == 0:
        return None
    between = sum(len(group) * float(group.mean() - everyone.mean()) ** 2 for group in groups)
    if between >= total * (1 - 1e-12):
        return Significance(name, "ANOVA", float("inf"), 0.0, 1.0)
    statistic, p = scipy.stats.f_oneway(*groups)
    return Significance(name, "ANOVA", float(statistic), float(p), between / total)


def _chi_squared(
    name: str, column: pa.ChunkedArray, numbers: Labels, clusters: Sequence[int]
) -> Significance | None:
    codes = np.unique(np.array([str(value) for value in column.to_pylist()]), return_inverse=True)[1]
    table = np.array(
        [np.bincount(codes[numbers == number], minlength=codes.max() + 1) for number in clusters]
    )
    table = table[:, table.sum(axis=0) > 0]
    if min(table.shape, default=0) < 2:
        return None
    result = scipy.stats.chi2_contingency(table)
    v = float(np.sqrt(result.statistic / (table.sum() * (min(table.shape) - 1))))
    return Significance(name, "chi-squared", float(result.statistic), float(result.pvalue), v)


def personas_page(personas: Sequence[Persona], *, title: str = "Personas") -> str:
    """One HTML page, complete in itself: a card for each persona with its traits."""
    cards = "".join(_card(persona) for persona in personas)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        "<style>body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "section{border:1px solid #ccc;border-radius:8px;padding:1rem;margin:1rem 0}</style>"
        f"<h1>{escape(title)}</h1>{cards}</html>"
    )


def _card(persona: Persona) -> str:
    traits = [*persona.traits]
    traits += [f"{name}: mostly {value} ({share:.0%})" for name, (value, share) in persona.usual.items()]
    items = "".join(f"<li>{escape(trait)}</li>" for trait in traits) or "<li>like the average profile</li>"
    head = f"<h2>{escape(persona.label)}</h2><p>{persona.size} profiles, {persona.share:.1%}</p>"
    return f"<section>{head}<ul>{items}</ul></section>"
