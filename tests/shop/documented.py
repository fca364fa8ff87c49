"""The rules that the documentation shows, with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md")
KEYS = re.compile(r"\s*(?:- )?(rule|when|audience|if): (?P<rule>[^#]+?)(?:\s{2,}#.*)?$")
NEEDS = re.compile(r"\s*needs: \[(?P<rules>.*)\]$")
NOT_OURS = ("text", "python", "bash")
"""Blocks of other languages."""


def documented_rules() -> Iterator[tuple[str, int, str]]:
    """Every line of a block of SQL, and every rule in a block of YAML or of a block's front matter."""
    for path in PAGES:
        language: str | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if fence := re.match(r"\s*```(\w*)", line):
                language = (fence[1] or "plain") if language is None else None
            elif language == "sql":
                yield path.name, number, line
            elif language not in (None, *NOT_OURS) and "fix:" not in line and not line.startswith("  |"):
                for rule in _rules_in(line):
                    yield path.name, number, rule


def _rules_in(line: str) -> list[str]:
    if found := KEYS.fullmatch(line):
        return [found["rule"].strip()]
    if found := NEEDS.fullmatch(line):
        return [rule.strip().strip("'") for rule in re.split(r",(?![^(]*\))", found["rules"])]
    return []


def rules_to_begin_with() -> list[str]:
    """The block under that title in docs/rules.md: what segments are mostly made of."""
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    block = text.partition("## Rules to begin with")[2].partition("```sql\n")[2].partition("```")[0]
    return block.splitlines()
