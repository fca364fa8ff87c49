"""docs/audience.md names every feature, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from audience import FEATURES

PAGE = (Path(__file__).parents[2] / "docs" / "audience.md").read_text(encoding="utf-8")


def test_every_feature_has_its_line_in_the_table():
    table = PAGE.partition("| feature | unit | formula |")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert named == [name for name in named if name in FEATURES]
    assert sorted(named) == sorted(FEATURES)


def test_every_feature_says_what_it_is():
    assert all(attribute.description for attribute in FEATURES.values())
