"""What the leaves of a mail's skeleton are, when its code is written with every leaf marked."""

from __future__ import annotations

import re

from jinja2 import nodes

WHOLE = "@whole"
"""The expression of a leaf that is a whole statement's output."""
SHORT = 250
"""Constant characters up to which a statement that goes one way or another is a leaf as a whole; longer ones
(a picture with its table) are worth a body of their own."""
_NUMBER_OF_USE = re.compile(r", uses, \d+")


def is_short(node: nodes.Node) -> bool:
    """Whether a statement has little text of its own, and no slot."""
    if any(block.filter.name == "_slot" for block in node.find_all(nodes.FilterBlock)):
        return False
    return sum(len(text.data) for text in node.find_all(nodes.TemplateData)) <= SHORT


def same_value(expression: str) -> str:
    """An expression's Python without what tells one use of a fallback from another: two of them with the same
    text have the same value."""
    return _NUMBER_OF_USE.sub("", expression)
