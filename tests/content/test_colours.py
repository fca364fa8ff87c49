"""Text can be read on what it stands on: contrast at least 4.5 to 1 (WCAG 2.2, 1.4.3), light and dark."""

from __future__ import annotations

import pytest

from mailwright.model import theme
from tests.content.samples import shop

LEAST = 4.5
LIGHT = [
    ("text", "surface"),
    ("text", "tint"),
    ("text", "background"),
    ("muted", "surface"),
    ("muted", "tint"),
    ("muted", "background"),
    ("accent_ink", "surface"),
    ("accent_ink", "tint"),
    ("on_primary", "primary"),
    ("band_accent", "primary"),
    ("primary", "surface"),
]
DARK = [
    ("text", "surface"),
    ("text", "tint"),
    ("text", "background"),
    ("text", "band"),
    ("muted", "surface"),
    ("muted", "tint"),
    ("muted", "background"),
    ("accent_ink", "surface"),
    ("accent_ink", "tint"),
    ("on_primary", "primary"),
    ("on_primary", "text"),
    ("primary", "tint"),
]


PALETTES = [
    ("the shipped colours", theme.LIGHT, LIGHT),
    ("the shipped dark pair", theme.DARK, DARK),
    ("the shop's colours", shop().spec.theme.colours, LIGHT),
    ("the shop's dark pair", shop().spec.theme.dark, DARK),
]


@pytest.mark.parametrize(("name", "colours", "pairs"), PALETTES, ids=[name for name, _, _ in PALETTES])
def test_text_can_be_read(name: str, colours: dict[str, str], pairs: list[tuple[str, str]]) -> None:
    ratios = {f"{ink} on {paper}": contrast(colours[ink], colours[paper]) for ink, paper in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < LEAST} == {}, name


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
