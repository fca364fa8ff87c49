"""Syntax tree to checked tree: every name must exist and all kinds must fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from sqlglot import exp

from mailwright.errors import Location, RuleError
from mailwright.model.schema import Schema
from rules.catalog import RuleCatalog
from rules.kind import BOOLEAN, NULL
from rules.read import RuleDialect, place
from rules.tree import Node

LANGUAGE = "docs/rules.md lists what a rule can say"


@dataclass(frozen=True)
class Scope:
    """Where a rule is checked. ``event`` has the event's fields, inside the conditions on an event."""

    catalog: RuleCatalog
    text: str
    at: Location
    grammar: Grammar = field(repr=False)
    event: Schema | None = None

    def fail(self, tree: exp.Expr, what: str, fix: str | None = None) -> NoReturn:
        """Raises the RuleError that points at the first character of ``tree``."""
        starts = [node.meta["start"] for node in tree.walk() if "start" in node.meta]
        where = place(self.at, self.text, min(starts)) if starts else self.at
        raise RuleError(what, at=where, fix=fix)


Grammar = Mapping[type[exp.Expr], Callable[[Any, Scope], Node]]
"""What checks each kind of expression that the language has; ``rules/grammar.py`` puts it together."""


def check(tree: exp.Expr, scope: Scope) -> Node:
    """The checked tree of an expression of any kind.

    Raises RuleError for unknown names, kinds that do not fit, and SQL that is no part of the language.
    """
    handler = scope.grammar.get(type(tree))
    if handler is None:
        scope.fail(tree, f"{written(tree)} is not part of the rule language", LANGUAGE)
    return replace(handler(tree, scope), text=written(tree))


def condition(tree: exp.Expr, scope: Scope) -> Node:
    """The checked tree of an expression that must be true, false or unknown."""
    node = check(tree, scope)
    if node.kind not in (BOOLEAN, NULL):
        scope.fail(tree, f"{node.text} is {node.kind.a}, not a condition", "compare it with something")
    return replace(node, kind=BOOLEAN)


def written(tree: exp.Expr) -> str:
    """The expression as its author could have written it."""
    text = tree.sql(dialect=RuleDialect, normalize_functions=False, comments=False)
    return re.sub(r"CAST\(('(?:[^']|'')*') AS (DATE|TIMESTAMP)\)", r"\2 \1", text)
