"""Golden tests for authors: what a mail was is what it still is.

A workspace's ``tests/`` holds one folder a case: ``case.yaml`` (campaign, profile, ``now``), and the mail as
it was accepted: ``subject.txt``, ``preheader.txt``, ``mail.html``, ``mail.txt``, ``trace.json``. HTML is
compared as a tree, text and trace word by word; ``update`` writes what is there now.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
from pydantic import Field

from mailwright.errors import DataError, MailwrightError
from mailwright.model.spec import Spec
from mailwright.model.trace import Trace
from mailwright.model.yamltext import Located, parse_yaml
from render.trees import difference, outline

MOST_LINES, LONGEST = 60, 300
"""Lines of a difference, and characters of each, that are shown: the rest is in the files."""
FILES = ("subject.txt", "preheader.txt", "mail.html", "mail.txt", "trace.json")


class CaseSpec(Spec):
    """``case.yaml``: whose mail of which campaign, with the clock stopped."""

    campaign: str
    now: datetime
    profile: dict[str, Any] = Field(default_factory=dict)
    """Attributes; those not written are those of somebody never seen."""
    segments: tuple[str, ...] | None = None
    """The segments it is in; without them, those whose rules its attributes fulfil."""
    recommendations: tuple[str, ...] = ()
    """Ids of ``items``, best first."""
    asked: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Strategy, or the whole ``recommend(…)`` → ids of ``items`` that a block is given for it."""
    items: tuple[dict[str, Any], ...] = ()
    """What the mail may show of the catalogue; ``source``, ``score`` and ``reason`` where recommended."""
    arms: dict[str, str] = Field(default_factory=dict)
    """Experiment → the arm that it is shown; of the others none."""
    interactions: tuple[dict[str, Any], ...] = ()
    """What the profile did (``event``, ``at``, ``item_id`` …): features and conditions on events follow."""
    description: str = ""


@dataclass(frozen=True)
class Case:
    """One folder of ``tests/``."""

    name: str
    folder: Path
    file: Located[CaseSpec]

    @property
    def spec(self) -> CaseSpec:
        return self.file.value


@dataclass(frozen=True)
class Made:
    """What one case renders to now."""

    mail: Mapping[str, Any]
    """A row of ``render_batch``."""
    trace: Trace

    def files(self) -> dict[str, str]:
        skipped = f"skipped: {self.mail['reason']}\n{self.mail['detail']}\n"
        rendered = self.mail["status"] == "rendered"
        trace = orjson.dumps(_lasting(self.trace), option=orjson.OPT_INDENT_2, default=str).decode()
        return {
            "subject.txt": (self.mail["subject"] or "") + "\n" if rendered else skipped,
            "preheader.txt": (self.mail["preheader"] or "") + "\n",
            "mail.html": self.mail["html"].decode("ascii") if rendered else "",
            "mail.txt": self.mail["text"] or "",
            "trace.json": trace + "\n",
        }


@dataclass(frozen=True)
class Result:
    """Whether a case is still what it was; ``diff`` shows, file by file, what is not."""

    name: str
    passed: bool
    updated: bool = False
    diff: str = ""
    seconds: float = 0.0


def read_cases(folder: Path) -> list[Case]:
    """The cases of a workspace's ``tests/``. Raises ConfigError for a wrong case.yaml."""
    cases = []
    for path in sorted(folder.glob("*/case.yaml")):
        shown = f"tests/{path.parent.name}/case.yaml"
        file: Located[CaseSpec] = parse_yaml(path.read_text(encoding="utf-8"), CaseSpec, file=shown)
        cases.append(Case(path.parent.name, path.parent, file))
    return cases


def run_cases(
    cases: Iterable[Case],
    make: Callable[[Case], Made],
    *,
    update: bool = False,
    clock: Callable[[], float] = lambda: 0.0,
) -> list[Result]:
    """Render each case with ``make`` and compare, or with ``update`` write what it renders to.

    ``clock`` measures the seconds of each case.
    """
    results = []
    for case in cases:
        begin = clock()
        try:
            files = make(case).files()
        except MailwrightError as error:
            results.append(Result(case.name, False, diff=str(error), seconds=clock() - begin))
            continue
        diff = "\n".join(filter(None, (_differs(case.folder / name, text) for name, text in files.items())))
        if diff and update:
            for name, text in files.items():
                (case.folder / name).write_text(text, encoding="utf-8", newline="\n")
        seconds = clock() - begin
        results.append(Result(case.name, not diff or update, bool(diff) and update, diff, seconds))
    return results


def as_junit(results: Iterable[Result]) -> str:
    """The results as a JUnit report."""
    found = list(results)
    failures = sum(not result.passed for result in found)
    suite = ElementTree.Element("testsuite", name="mailwright", tests=str(len(found)), failures=str(failures))
    for result in found:
        case = ElementTree.SubElement(suite, "testcase", name=result.name, time=f"{result.seconds:.3f}")
        if not result.passed:
            failure = ElementTree.SubElement(case, "failure", message="the mail is not what it was")
            failure.text = "".join(c for c in result.diff if c >= " " or c in "\n\t")
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _differs(path: Path, now: str) -> str:
    """A readable difference between what was accepted and what is there now; empty when there is none."""
    if not path.exists():
        return f"{path.parent.name}/{path.name}: not accepted yet (run with --update)"
    try:
        was = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.parent.name}/{path.name} is not UTF-8", fix="run with --update") from error
    if path.suffix == ".html" and was.strip() and now.strip():
        if difference(was, now) is None:
            return ""
        before, after = outline(was), outline(now)
    else:
        before, after = was.splitlines(), now.splitlines()
    if was == now:
        return ""
    name = f"{path.parent.name}/{path.name}"
    lines = list(difflib.unified_diff(before, after, f"{name} (was)", f"{name} (is)", lineterm="", n=1))
    more = [f"… and {len(lines) - MOST_LINES} lines more"] if len(lines) > MOST_LINES else []
    return "\n".join([*(_shortened(line) for line in lines[:MOST_LINES]), *more])


def _shortened(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _lasting(trace: Trace) -> dict[str, Any]:
    """The trace without what changes with every edit of any file, and what it has nothing to say of."""
    kept = asdict(trace)
    del kept["fingerprint"], kept["message_id"]
    return {name: value for name, value in kept.items() if value not in (None, "", (), [], {})}
