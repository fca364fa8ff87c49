"""What a function of the rule language is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rules.kind import Kind

ANY_LIST = Kind("list")
"""A parameter that takes a list of anything."""
ELEMENT = Kind("element")
"""A parameter of the kind of the elements of the list before it."""
ZONE = Kind("zone")
"""A parameter that takes the IANA name of a time zone; a literal one is checked when the rule is compiled."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to call a function.

    ``compute`` gets the arguments' Python values (after ``now`` when ``uses_now``), none of them None.
    ``sql`` has a template by dialect, with ``{0}``, ``{1}`` … for arguments and ``{now}``; a dialect that is
    not in it gets sqlglot's translation of the DuckDB template, one with an empty template cannot say it.
    ``low`` and ``high`` bound the result.
    """

    params: tuple[Kind, ...]
    result: Kind
    compute: Callable[..., Any]
    sql: Mapping[str, str]
    uses_now: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function by its name, with what it does in one line (docs/rules.md is made of these)."""

    name: str
    summary: str
    forms: tuple[Form, ...]

    @property
    def usage(self) -> str:
        """How it is called: ``len(string) or len(list)``."""
        return " or ".join(f"{self.name}({', '.join(str(p) for p in form.params)})" for form in self.forms)
