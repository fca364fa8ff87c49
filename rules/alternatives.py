"""A rule spread out into alternatives: a disjunction of conjunctions of simple conditions.

Logic has three values here: a condition may have to be true, false or (None) unknown.
"""

from __future__ import annotations

from itertools import product

from rules.kind import BOOLEAN
from rules.tree import All, Any_, Case, Compare, Const, Is, Node, Not, Segment

MAX_ALTERNATIVES = 2_000

Simple = tuple[Node, bool | None]
"""A condition without AND, OR and NOT, and what it must be."""

Alternatives = list[tuple[Simple, ...]]


class TooManyError(Exception):
    """The rule has more alternatives than are worth looking at."""


def alternatives(tree: Node, want: bool | None) -> Alternatives:
    """All ways in which ``tree`` can be ``want``; perhaps some in which it cannot, but none is left out.

    Raises TooManyError when there are more than ``MAX_ALTERNATIVES``.
    """
    return _Spread().out(tree, want)


class _Spread:
    """Each node is spread out once for each thing it is wanted to be, however often it is asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool | None], Alternatives] = {}

    def out(self, node: Node, want: bool | None) -> Alternatives:
        known = self._known.get((id(node), want))
        if known is None:
            known = self._known[id(node), want] = self._out(node, want)
        return known

    def _out(self, node: Node, want: bool | None) -> Alternatives:
        if isinstance(node, Const):
            return [()] if node.value is want else []
        if isinstance(node, Not):
            return self.out(node.operand, None if want is None else not want)
        if isinstance(node, Is) and (want is None or node.what is not None):
            others = [value for value in (True, False, None) if value is not node.what]
            return [] if want is None else self._either(node.operand, [node.what] if want else others)
        if isinstance(node, All | Any_):
            return self._terms(node, want)
        if isinstance(node, Compare) and (flag := _flag(node)) is not None:
            return self.out(flag[0], None if want is None else want is flag[1])
        if isinstance(node, Case) and node.kind == BOOLEAN:
            return self._branches(node, want)
        return [] if want is None and isinstance(node, Segment) else [((node, want),)]

    def _terms(self, node: All | Any_, want: bool | None) -> Alternatives:
        if want is isinstance(node, Any_):
            return _bounded([each for term in node.terms for each in self.out(term, want)])
        if want is not None:
            return _together([self.out(term, want) for term in node.terms])
        found: Alternatives = []
        neutral = isinstance(node, All)
        for place, term in enumerate(node.terms):  # the first that is unknown, and none of the others decides
            before = [self.out(each, neutral) for each in node.terms[:place]]
            after = [self._either(each, [neutral, None]) for each in node.terms[place + 1 :]]
            found = _bounded(found + _together([*before, self.out(term, None), *after]))
        return found

    def _branches(self, node: Case, want: bool | None) -> Alternatives:
        found: Alternatives = []
        before: list[Alternatives] = []
        for test, result in node.branches:
            found = _bounded(found + _together([*before, self.out(test, True), self.out(result, want)]))
            before.append(self._either(test, [False, None]))
        return _bounded(found + _together([*before, self.out(node.default, want)]))

    def _either(self, node: Node, wanted: list[bool | None]) -> Alternatives:
        return _bounded([each for want in wanted for each in self.out(node, want)])


def _flag(node: Compare) -> tuple[Node, bool] | None:
    """A condition that is compared with TRUE or FALSE, and what it is to be."""
    for side, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(other, Const) and isinstance(other.value, bool) and node.op in ("=", "<>"):
            return side, other.value is (node.op == "=")
    return None


def _together(parts: list[Alternatives]) -> Alternatives:
    size = 1
    for part in parts:
        size *= len(part)
        if size > MAX_ALTERNATIVES:
            raise TooManyError
    return [sum(choice, ()) for choice in product(*parts)]


def _bounded(found: Alternatives) -> Alternatives:
    if len(found) > MAX_ALTERNATIVES:
        raise TooManyError
    return found
