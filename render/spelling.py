"""Expressions as an author would write them, near enough to be found in the file."""

from __future__ import annotations

from jinja2 import nodes

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "notin": "not in"}


def spelt(node: nodes.Node | None) -> str:
    """The text of an expression."""
    if isinstance(node, nodes.Getattr):
        return f"{spelt(node.node)}.{node.attr}"
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Const):
        return repr(node.value)
    if isinstance(node, nodes.Filter):
        return f"{spelt(node.node)} | {node.name}"
    if isinstance(node, nodes.Compare):
        compared = [f"{_SIGNS.get(op.op, op.op)} {spelt(op.expr)}" for op in node.ops]
        return " ".join([spelt(node.expr), *compared])
    if isinstance(node, nodes.Not):
        return f"not {spelt(node.node)}"
    if isinstance(node, (nodes.And, nodes.Or)):
        return f"{spelt(node.left)} {type(node).__name__.lower()} {spelt(node.right)}"
    if isinstance(node, nodes.Test):
        return f"{spelt(node.node)} is {node.name}"
    if isinstance(node, nodes.Getitem):
        return f"{spelt(node.node)}[{spelt(node.arg)}]"
    if isinstance(node, nodes.Call):
        return f"{spelt(node.node)}({', '.join(map(spelt, node.args))})"
    return "…"
