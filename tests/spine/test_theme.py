"""The theme of a workspace: roles with their pairs, and what is refused."""

from __future__ import annotations

import pytest

from mailwright.errors import ConfigError
from mailwright.model.theme import DARK, LIGHT, ThemeSpec
from mailwright.model.yamltext import parse_yaml


def test_what_is_not_said_keeps_the_shipped_look():
    text = "colours: { text: '#000000', mint: '#99ffcc' }\ndark: { mint: '#006633' }"
    theme = parse_yaml(text, ThemeSpec, file="t")
    assert theme.value.colours == {**LIGHT, "text": "#000000", "mint": "#99ffcc"}
    assert theme.value.dark == {**DARK, "mint": "#006633"}
    assert theme.value.fonts.heading.startswith("Georgia")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colours:\n  text: '#12345g'", "t:2"),
        ("colours:\n  text: 'red; background: url(x)'", "t:2"),
        ("dark:\n  txt: '#ffffff'", "text"),
        ("fonts:\n  text: 'Arial; }'", "t:2"),
        ("fonts:\n  body: Arial", "t:2"),
    ],
)
def test_what_is_no_colour_or_font_is_refused_at_its_line(text, said):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, ThemeSpec, file="t")
    assert said in str(caught.value)
