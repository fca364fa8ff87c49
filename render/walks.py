"""What stands anywhere inside a piece of syntax; each node is walked over once, however often it is asked of.

Trees are parsed once and never changed (``restoring.parse_restored``, ``constants.parse``).
"""

from __future__ import annotations

from functools import lru_cache

from jinja2 import nodes

ENCODERS = frozenset({"_html", "_path", "_query", "_css", "_link"})


@lru_cache(maxsize=32_768)
def names_in(node: nodes.Node) -> frozenset[str]:
    """The names that are read or bound in it."""
    inner = frozenset().union(*map(names_in, node.iter_child_nodes()))
    return inner | {node.name} if isinstance(node, nodes.Name) else inner


@lru_cache(maxsize=32_768)
def sets_names(node: nodes.Node) -> bool:
    """Whether a ``{% set %}`` stands in it."""
    return isinstance(node, nodes.Assign) or any(map(sets_names, node.iter_child_nodes()))


@lru_cache(maxsize=32_768)
def first_value(node: nodes.Node) -> nodes.Filter | None:
    """The escape of the first value that is written in it."""
    if isinstance(node, nodes.Filter) and node.name in ENCODERS:
        return node
    return next(filter(None, map(first_value, node.iter_child_nodes())), None)
