"""Every rule in the documentation compiles against the example shop, and every function is documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from audience import FEATURES
from mailwright.errors import Location
from mailwright.model.schema import INTERACTION_ATTRIBUTES, PROFILE_ATTRIBUTES
from mailwright.model.workspace import WorkspaceSpec
from rules import RuleCatalog, compile_rule
from rules.functions import functions

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"


def catalog() -> RuleCatalog:
    """The names of the shop."""
    spec = WorkspaceSpec.model_validate(yaml.safe_load((SHOP / "mailwright.yaml").read_text()))
    events = ("product_viewed", "product_added", "order_completed")
    return RuleCatalog(
        PROFILE_ATTRIBUTES | spec.profile | FEATURES,
        frozenset(yaml.safe_load((SHOP / "segments.yaml").read_text())),
        dict.fromkeys(events, INTERACTION_ATTRIBUTES | spec.event),
    )


def documented() -> Iterator[tuple[str, int, str]]:
    """Every line of the ```sql blocks of docs/rules.md and of the README, with its place."""
    for path in (ROOT / "docs" / "rules.md", ROOT / "README.md"):
        if path.exists():
            inside = False
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if line.startswith("```"):
                    inside = line == "```sql"
                elif inside:
                    yield path.name, number, line


@pytest.mark.parametrize(("file", "number", "text"), list(documented()))
def test_a_documented_rule_compiles(file: str, number: int, text: str) -> None:
    rule = compile_rule(text, catalog(), at=Location(file, number, 1, text))
    assert rule.sql("postgres")


def test_every_function_is_documented_as_it_is() -> None:
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", (ROOT / "docs" / "rules.md").read_text(), re.MULTILINE)
    said = dict(rows)
    for function in functions().values():
        assert said.get(function.usage) == function.summary
