"""docs/rules.md lists every function as it is; that its rules run is shown in tests/shop."""

from __future__ import annotations

import re
from pathlib import Path

from rules.functions import functions

ROOT = Path(__file__).parents[2]


def test_every_function_is_documented_as_it_is() -> None:
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", (ROOT / "docs" / "rules.md").read_text(), re.MULTILINE)
    said = dict(rows)
    for function in functions().values():
        assert said.get(function.usage) == function.summary
