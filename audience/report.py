"""What became of every row that was read: counts for people, every single case in a rejects file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from audience.files import replace_files
from audience.identity import Candidate, Merge, counts_by_reason
from mailwright.errors import DataError
from mailwright.model.schema import PII

Outcome = Literal["row rejected", "value set aside"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One row that was not taken, or one value that was not. ``shown`` is the value, a person's masked."""

    source: str
    file: str
    row: int
    attribute: str
    what: str
    shown: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation of one attribute, and how the rows met it."""

    source: str
    attribute: str
    expectation: str
    failing: int
    rows: int
    holds: bool
    gate: bool
    """Whether a run is refused because of it."""
    examples: tuple[str, ...] = ()


@dataclass
class SourceReport:
    """One source. ``rejected`` and ``set_aside`` count by attribute and what was wrong with it."""

    source: str
    file: str
    read: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)

    @property
    def reject_rate(self) -> float:
        """Rejected rows over rows read, 0 where nothing was read."""
        return sum(self.rejected.values()) / self.read if self.read else 0.0


@dataclass
class AudienceReport:
    """What was read, kept and left out, per source, and what was noticed of the people in it."""

    problems: list[Problem] = field(default_factory=list)
    """Every row rejected and value set aside, source by source."""
    sources: dict[str, SourceReport] = field(default_factory=dict)
    email_problems: Counter[str] = field(default_factory=Counter)
    """Profiles without an address that can be mailed, by problem."""
    shared_addresses: int = 0
    """Profiles whose mailbox another profile has too."""
    unsubscribed_elsewhere: int = 0
    """Profiles that count as unsubscribed because another profile of the same mailbox is."""
    merges: list[Merge] = field(default_factory=list)
    """Profiles that became part of another, and why."""
    candidates: list[Candidate] = field(default_factory=list)
    """Pairs of profiles that look alike."""
    findings: list[Finding] = field(default_factory=list)
    """The data-quality report: what the schema expects of each attribute, failed or met, and all of the
    workspace's own expectations."""
    notes: list[str] = field(default_factory=list)
    rejects_file: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON can carry it."""
        return {
            "sources": {
                name: {
                    "file": s.file,
                    "read": s.read,
                    "kept": s.kept,
                    "rejected": dict(s.rejected),
                    "set_aside": dict(s.set_aside),
                }
                for name, s in self.sources.items()
            },
            "email_problems": dict(self.email_problems),
            "shared_addresses": self.shared_addresses,
            "unsubscribed_elsewhere": self.unsubscribed_elsewhere,
            "merged": dict(counts_by_reason(self.merges)),
            "candidates": len(self.candidates),
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
            "rejects_file": None if self.rejects_file is None else str(self.rejects_file),
        }


class RefusedDataError(DataError):
    """Data that were read and may not be used, with the report that says why."""

    def __init__(self, what: str, report: AudienceReport, *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.report = report


def write_rejects(report: AudienceReport, folder: Path) -> Path:
    """``rejects.jsonl`` with every problem, ``merges.jsonl`` with every merge and ``candidates.jsonl``.

    JSON and not CSV, because a rejected value may be a spreadsheet's formula. Returns the first's path.
    """
    lists: dict[str, Iterable[Any]] = {
        "rejects.jsonl": report.problems,
        "merges.jsonl": report.merges,
        "candidates.jsonl": report.candidates,
    }
    lines = {name: b"".join(map(_line, found)) for name, found in lists.items()}
    replace_files(folder, lines)
    return folder / "rejects.jsonl"


def _line(record: Any) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def shown(value: Any, pii: PII) -> str:
    """A value fit for a log: at most 80 characters, and of a person's data only the shape.

    Letters become ``a``, digits ``9``, so that ``kari@@nord.no`` reads ``aaaa@@aaaa.aa``: what is wrong can
    be seen, who it is cannot, and the row's number leads whoever may see the source to it.
    """
    text = "" if value is None else value if isinstance(value, str) else str(value)
    if pii != "none":
        text = text.translate(_SHAPE) if text.isascii() else _shape(text)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return text if len(text) <= 80 else text[:77] + "..."


def _shape(text: str) -> str:
    return re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "a", text))


_SHAPE = {code: _shape(chr(code)) for code in range(128)}
"""The same for ASCII, which is fast: a large source has thousands of addresses that are none."""
