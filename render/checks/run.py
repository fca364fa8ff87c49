"""All checks, in the order of their names."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from render.checks.finding import Finding
from render.checks.subject import Subject
from render.compiled import CompiledCampaign
from render.coverage import Coverage

Check = Callable[[Subject], Iterable[Finding]]
_NOT_CHECKS = {"finding", "run", "subject"}


def lint(
    compiled: CompiledCampaign,
    *,
    mails: Sequence[Mapping[str, Any]] = (),
    coverage: Coverage | None = None,
) -> tuple[Finding, ...]:
    """What the checks find in a compiled campaign, errors first, then by place.

    ``mails`` are rows of ``render_batch`` (the worst, one of each variant, or a sample); without them the
    checks of finished mails (size, preheader, leftovers) are left out. ``coverage`` names the largest mail.
    """
    findings: dict[Finding, None] = {}
    for name, check in _checks().items():
        subject = Subject(compiled, mails, coverage, name)
        for finding in check(subject):
            findings[finding] = None
    return tuple(
        sorted(findings, key=lambda f: (f.level, f.at.file, f.at.line, f.at.column, f.check, f.what))
    )


@cache
def _checks() -> dict[str, Check]:
    return {name: importlib.import_module(f"render.checks.{name}").check for name in sorted(_names())}


def _names() -> Iterator[str]:
    package = importlib.import_module("render.checks")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _NOT_CHECKS:
            yield module.name
