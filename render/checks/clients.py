"""CSS and HTML that the large clients do not show, by caniemail.com's tests (MIT, see render/clients)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from render.checks.finding import Finding
from render.checks.subject import Subject, moved

LARGE = ("apple-mail", "gmail", "outlook", "yahoo")
"""A feature that one of these shows nowhere is warned of."""
_DATA = Path(__file__).resolve().parent.parent / "clients" / "caniemail.json"

_STYLE = re.compile(r"style\s*=\s*\"([^\"]*)|style\s*=\s*'([^']*)|(?<=[{;])\s*([\w-]+\s*:[^;{}<>\"]*)")
_DECLARATION = re.compile(r"(?:^|;)\s*([a-z-]+)\s*:\s*([^;]*)")
_ELEMENT = re.compile(r"<([a-z][a-z0-9]*)\b")
_SLUGS = {"flex": "css-display-flex", "inline-flex": "css-display-flex", "grid": "css-display-grid"}
_FUNCTIONS = {"calc(": "css-unit-calc", "var(": "css-variables", "linear-gradient(": "css-linear-gradient"}
_FUNCTIONS |= {"radial-gradient(": "css-radial-gradient", "clamp(": "css-function-clamp"}


def check(subject: Subject) -> Iterator[Finding]:
    for text, place in subject.sources():
        for offset, slug in _used(text):
            feature = _features().get(slug)
            if feature is None:
                continue
            lacking = [_names()[family] for family in LARGE if feature["support"].get(family) == "n"]
            if lacking:
                yield subject.finding(
                    "warning",
                    moved(place, text, offset),
                    f"{feature['title']} does not work in {', '.join(lacking)}",
                    f"let the mail look right without it (caniemail.com/features/{slug}/)",
                )


@dataclass(frozen=True)
class Support:
    """One feature; each family of clients takes it: ``y`` yes, ``a`` in part, ``n`` no, ``u`` unknown."""

    slug: str
    title: str
    by: Mapping[str, str]


SHOWN = {"apple-mail": "Apple Mail", "gmail": "Gmail", "outlook": "Outlook", "yahoo": "Yahoo"}
SHOWN |= {"samsung-email": "Samsung", "thunderbird": "Thunderbird"}
"""Families of clients in a table of support, the most used first."""


def supported(html: str) -> list[Support]:
    """The features that a piece of a finished mail uses, those that fewest clients take first."""
    found = {}
    for _, slug in _used(html):
        feature = _features().get(slug)
        if feature is not None:
            by = {family: feature["support"].get(family, "u") for family in SHOWN}
            found[slug] = Support(slug, feature["title"], by)
    order = {"n": 0, "a": 1, "u": 2, "y": 2}
    return sorted(found.values(), key=lambda one: (sum(order[at] for at in one.by.values()), one.title))


def _used(text: str) -> Iterator[tuple[int, str]]:
    """Offset and slug of each feature that constant text uses."""
    for found in _ELEMENT.finditer(text):
        yield found.start(), f"html-{found[1]}"
    for style in _STYLE.finditer(text):
        group = style.lastindex or 0
        for declaration in _DECLARATION.finditer(style[group] if group else ""):
            offset = style.start(group) + declaration.start(1)
            name, value = declaration[1], declaration[2].strip().lower()
            yield offset, _SLUGS.get(value, "css-display") if name == "display" else f"css-{name}"
            for function, slug in _FUNCTIONS.items():
                if function in value:
                    yield offset, slug


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(_DATA.read_bytes())
    return data


def _features() -> dict[str, Any]:
    features: dict[str, Any] = _data()["features"]
    return features


def _names() -> dict[str, str]:
    names: dict[str, str] = _data()["families"]
    return names
