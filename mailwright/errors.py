"""Every error that Mailwright raises on purpose.

::

    MailwrightError                 what a person can read and mend; the command exits 1
    ├── UsageError                  the call itself was wrong; exits 2
    ├── SourceError                 something in a file of the workspace, with file, line and column
    │   ├── ConfigError             YAML: does not parse, unknown key, wrong type, unknown name
    │   ├── RuleError               a rule: syntax, unknown attribute, wrong type, can never hold
    │   └── TemplateError           a template or block: Jinja, MJML, a slot that can be empty
    ├── DataError                   profiles, items or interactions that cannot be used
    ├── ModelError                  a recommendation model that is missing, stale or damaged
    ├── RenderError                 one mail that cannot be made; the recipient is skipped with the reason
    ├── GateError                   a launch gate is broken: nothing was sent
    ├── SendError                   an ESP could not be reached or refused the call
    └── MissingExtraError           an optional dependency is not installed

A third-party exception never leaves the room that called the third party: it is raised again as one of
these, ``from`` the original.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class MailwrightError(Exception):
    """What went wrong, where, and what mends it.

    ``str(error)`` is one message for people: the first line says what, a ``fix:`` line how to mend it.
    """

    exit_code = 1

    def __init__(self, what: str, *, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return self.what if self.fix is None else f"{self.what}\n  fix: {self.fix}"


class UsageError(MailwrightError):
    """The command was called wrongly: an unknown campaign, profile or option value."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file of the workspace. Lines and columns count from 1; 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0
    source: str | None = None
    """The text of that line, for the caret."""

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        return place


class SourceError(MailwrightError):
    """Something in a file of the workspace is wrong; printed with the line and a caret under the place."""

    def __init__(self, what: str, *, at: Location, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.at = at

    def __str__(self) -> str:
        lines = [f"{self.at}: {self.what}"]
        if self.at.source is not None:
            lines.append(f"  | {self.at.source}")
            if self.at.column:
                lines.append("  | " + " " * (self.at.column - 1) + "^")
        if self.fix is not None:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


class ConfigError(SourceError):
    """A YAML file: it does not parse, or holds an unknown key, a wrong type or an unknown name."""


class RuleError(SourceError):
    """A rule: its syntax, an unknown attribute, segment or event, a wrong type, or it can never hold."""


class TemplateError(SourceError):
    """A template or a block: Jinja or MJML that cannot be compiled, or a slot that could stay empty."""


class DataError(MailwrightError):
    """Profiles, items or interactions that cannot be used."""


class ModelError(MailwrightError):
    """A recommendation model that is missing, stale or damaged."""


class RenderError(MailwrightError):
    """One mail that cannot be made. The recipient is skipped and the reason recorded."""


class GateError(MailwrightError):
    """A launch gate of the campaign is broken: nothing was sent."""


class SendError(MailwrightError):
    """An ESP could not be reached, or refused the call."""


class MissingExtraError(MailwrightError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, *, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package {package}, which is not installed",
            fix=f"pip install 'mailwright[{extra}]'",
        )


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The fix for an unknown name: the nearest known one, else the list of them (at most twelve)."""
    names = sorted(set(known))
    if near := difflib.get_close_matches(name, names, n=1, cutoff=0.5):
        return f"did you mean {near[0]!r}?"
    if not names:
        return None
    shown = ", ".join(names[:12])
    return f"known here: {shown}" + (" …" if len(names) > 12 else "")
