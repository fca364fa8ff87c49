"""``recommend(…)`` in a template or block: the list of items that it asks for, a column of the frame."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from jinja2 import nodes

from mailwright.errors import did_you_mean
from mailwright.model.recommendation import MOST_ASKED, Ask
from render.reads import RefusedError
from rules import RuleCatalog

STRATEGY, ABOUT = "strategy:", "about:"
"""With what the known names of strategies, and of attributes that hold items, begin."""
USAGE = 'write recommend(strategy="similar", to=cart.items, n=4)'
_PARTS = ("strategy", "to", "n", "again")


def askable(catalog: RuleCatalog) -> set[str]:
    """The names with which ``recommend`` can be called, as ``read_ask`` looks for them."""
    strategies = {STRATEGY + name for name in catalog.strategies}
    return strategies | {ABOUT + path for path in catalog.item_paths}


def read_ask(node: nodes.Call, known: Collection[str] | None = None) -> Ask:
    """The ask of a call. Raises RefusedError for one that cannot be answered.

    ``known`` has the names of ``askable``; None: the call was checked before.
    """
    given = {pair.key: pair.value for pair in node.kwargs}
    if node.args or (unknown := sorted(set(given) - set(_PARTS))):
        fix = USAGE if node.args else did_you_mean(unknown[0], _PARTS) or USAGE
        raise RefusedError("recommend() takes strategy, to, n and again, by name", fix=fix, line=node.lineno)
    ask = Ask(
        strategy=str(_constant(given.get("strategy"), str, node, "a strategy in quotes")),
        n=int(_constant(given.get("n"), int, node, f"n, from 1 to {MOST_ASKED}")),
        to=_path(given["to"]) if "to" in given else "",
        again=bool(_constant(given.get("again", nodes.Const(False)), bool, node, "again true or false")),
    )
    if not 1 <= ask.n <= MOST_ASKED:
        raise RefusedError(f"recommend() needs n, from 1 to {MOST_ASKED}", fix=USAGE, line=node.lineno)
    if known is not None:
        _check(STRATEGY, ask.strategy, known, "there is no strategy {!r}", node.lineno)
        if "to" in given:
            _check(ABOUT, ask.to, known, "{} holds no items to ask about", node.lineno)
    return ask


def _constant(node: nodes.Expr | None, kind: type, call: nodes.Call, what: str) -> str | int | bool:
    value: Any = node.value if isinstance(node, nodes.Const) else None
    if type(value) is not kind:
        raise RefusedError(f"recommend() needs {what}", fix=USAGE, line=call.lineno)
    return cast("str | int | bool", value)


def _path(node: nodes.Expr) -> str:
    if isinstance(node, nodes.Getattr):
        return f"{_path(node.node)}.{node.attr}"
    if isinstance(node, nodes.Name):
        return node.name
    raise RefusedError("to= takes an attribute that holds items", fix=USAGE, line=node.lineno)


def _check(kind: str, name: str, known: Collection[str], what: str, line: int) -> None:
    if kind + name not in known:
        names = [one.removeprefix(kind) for one in known if one.startswith(kind)]
        raise RefusedError(what.format(name), fix=did_you_mean(name, names) or USAGE, line=line)
