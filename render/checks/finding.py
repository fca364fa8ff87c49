"""Something that is wrong, or could be better, with a mail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mailwright.errors import Location

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """What a check found, where, and what mends it."""

    check: str
    level: Level
    at: Location
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.at}: {self.level}: {self.what} [{self.check}]\n  fix: {self.fix}"


def as_github(findings: Iterable[Finding]) -> str:
    """Findings as workflow commands, which GitHub shows beside the line."""
    lines = []
    for finding in findings:
        text = _escaped(f"{finding.what}. Fix: {finding.fix}")
        where = f"file={finding.at.file},line={max(1, finding.at.line)},col={max(1, finding.at.column)}"
        lines.append(f"::{finding.level} {where},title={finding.check}::{text}")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
