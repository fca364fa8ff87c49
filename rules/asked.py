"""``recommend(…)`` in a rule: the list of items that a block asks for, so that it can need enough of them."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from mailwright.errors import did_you_mean
from mailwright.model.recommendation import MOST_ASKED, Ask
from rules.check import Scope, written
from rules.kind import Kind
from rules.tree import Attr, Node

USAGE = "write recommend(strategy='similar', to=cart.items, n=4)"
ITEMS = Kind("list", element=Kind("object"))


def asked(tree: exp.Anonymous, scope: Scope) -> Node:
    """The list of an ask, as an attribute of the profile: the frame has it as a column."""
    catalog = scope.catalog
    if not catalog.strategies or scope.event is not None:
        scope.fail(tree, "recommend() stands in the rules of blocks alone", "see docs/templates.md")
    given: dict[str, exp.Expr] = {}
    for argument in tree.expressions:
        name = argument.this.name if isinstance(argument, exp.EQ) else ""
        if name not in ("strategy", "to", "n", "again") or name in given:
            fix = did_you_mean(name, ("strategy", "to", "n", "again")) or USAGE
            scope.fail(argument, f"recommend() has no place for {written(argument)}", fix)
        given[name] = argument.expression
    strategy = given.get("strategy", tree)
    if strategy.name not in catalog.strategies or strategy is tree:
        fix = did_you_mean(strategy.name, catalog.strategies) or USAGE
        scope.fail(strategy, f"there is no strategy {_said(given, 'strategy')!r}", fix)
    to = _said(given, "to")
    if to and to not in catalog.item_paths:
        scope.fail(given["to"], f"{to} holds no items to ask about", did_you_mean(to, catalog.item_paths))
    n = given.get("n")
    if not isinstance(n, exp.Literal) or n.is_string or not 1 <= _whole(n.name) <= MOST_ASKED:
        scope.fail(n or tree, f"recommend() needs n, from 1 to {MOST_ASKED}", USAGE)
    again = given.get("again")
    if again is not None and not isinstance(again, exp.Boolean):
        scope.fail(again, "again is true or false")
    ask = Ask(strategy.name, int(n.name), to, bool(again is not None and again.this))
    return Attr(path=(ask.column,), kind=ITEMS)


def _said(given: dict[str, exp.Expr], name: str) -> str:
    tree: Any = given.get(name)
    if tree is None:
        return ""
    return ".".join(part.name for part in tree.parts) if hasattr(tree, "parts") else str(tree.name)


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 5 else 0
