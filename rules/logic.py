"""Whether a rule can hold at all, and whether it can fail to.

The rule is spread out into alternatives (``rules.alternatives``). An alternative is impossible when its
conditions leave some operand nothing to be. The answer is careful: "never" and "always" are certain; a rule
that is too large to spread out, or beyond this arithmetic, counts as neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from rules.ages import age_of
from rules.alternatives import Simple, TooManyError, alternatives
from rules.catalog import RuleCatalog
from rules.domain import Domain, domain_of
from rules.kind import BOOLEAN, INTEGER, NULL, NUMBER
from rules.tree import (
    RUN,
    Arith,
    Attr,
    Call,
    Compare,
    Const,
    Convert,
    Events,
    In,
    Is,
    Like,
    Node,
    Segment,
    Shift,
    children,
    walk,
)


def contradiction(tree: Node, want: bool | None, catalog: RuleCatalog) -> tuple[str, ...] | None:
    """Why ``tree`` can never be true, never be false or never be unknown (``want``: True, False, None); None
    when it can, or nobody knows.

    The answer is the conditions that exclude each other, in the words of the rule (perhaps none).
    """
    reasons: list[tuple[str, ...]] = []
    try:
        for alternative in alternatives(tree, want):
            reason = _impossible(alternative, catalog)
            if reason is None:
                return None
            reasons.append(reason)
    except TooManyError:
        return None
    return next((reason for reason in reasons if reason), ())


def can_be_unknown(tree: Node) -> bool:
    """Whether ``tree`` can be unknown though every attribute is known: by a NULL, a division by zero, an
    overflow (of a sum, too), a time zone that is none, or an event that never happened."""
    return any(
        isinstance(node, Arith | Shift)
        or (isinstance(node, Const) and node.value is None)
        or (isinstance(node, Events) and node.how != "count")
        or (isinstance(node, Call) and len(node.args) > 1 and node.form.result == INTEGER)
        for node in walk(tree)
    )


_INVERSE = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_FLIPPED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_SIGNS = {"=": {0}, "<>": {-1, 1}, "<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {0, 1}}


class _Alternative:
    """The operands of one conjunction, what is left of each, and who said so."""

    def __init__(self) -> None:
        self.domains: dict[str, Domain] = {}
        self.said: dict[str, list[str]] = {}
        self.signs: dict[tuple[str, str], set[int]] = {}
        """How two operands that are compared with each other may stand: less, equal, greater."""

    def of(self, node: Node, said: str) -> Domain:
        name = key(node)
        self.said.setdefault(name, []).append(said)
        return self.domains.setdefault(name, domain_of(node))

    def of_age(self, instant: Node, said: str) -> Domain:
        """How long before the clock an instant lies, in microseconds."""
        name = f"age of {key(instant)}"
        self.said.setdefault(name, []).append(said)
        past = isinstance(instant, Events)  # what lies in the future never counts
        return self.domains.setdefault(name, Domain(low=0 if past else None))

    def know(self, node: Node, said: str) -> None:
        """The attributes without which ``node`` would be unknown are known."""
        if isinstance(node, Attr) and not node.of_event:
            self.of(node, said).be_null(False)
        if (
            isinstance(node, Arith)
            and node.op in "/%"
            and isinstance(node.right, Const)
            and not node.right.value
        ):
            self.of(node, said).be_among(frozenset())  # a division by zero, or by NULL, has no value
        if isinstance(node, Arith | Call | Compare | Convert | In | Like | Shift):
            for child in children(node):
                self.know(child, said)


def _impossible(alternative: tuple[Simple, ...], catalog: RuleCatalog) -> tuple[str, ...] | None:
    if apart := _segments_apart(alternative, catalog):
        return apart
    found = _Alternative()
    for node, want in alternative:
        said = node.text if want else f"NOT ({node.text})"
        if not _add(found, node, want, said):
            return (said,)
    for name, domain in found.domains.items():
        if domain.empty:
            return tuple(dict.fromkeys(found.said[name]))
    return None


def _segments_apart(alternative: tuple[Simple, ...], catalog: RuleCatalog) -> tuple[str, ...]:
    """Two segments of one group, or a segment without the one that it is part of."""
    inside = {node.name: node.text for node, want in alternative if isinstance(node, Segment) and want}
    outside = {node.name: node.text for node, want in alternative if isinstance(node, Segment) and not want}
    first_of: dict[str, str] = {}
    for name, text in inside.items():
        group = catalog.groups.get(name)
        if group is not None and first_of.setdefault(group, name) != name:
            return (inside[first_of[group]], text)
        above, seen = catalog.parents.get(name), {name}
        while above is not None and above not in seen:  # a cycle is an error of its own
            if above in outside:
                return (text, f"NOT ({outside[above]})")
            seen.add(above)
            above = catalog.parents.get(above)
    return ()


def _add(found: _Alternative, node: Node, want: bool | None, said: str) -> bool:
    """Adds one condition; False when it is impossible alone or with another on the same two operands."""
    if want is None:
        return _add_unknown(found, node, said)
    if isinstance(node, Is):
        if node.what is None:
            if not want:
                found.know(node.operand, said)
            found.of(node.operand, said).be_null(want)
        return True
    found.know(node, said)
    if isinstance(node, Compare):
        return _add_comparison(found, node, want, said)
    if isinstance(node, In):
        return _add_membership(found, node, want, said)
    if isinstance(node, Like) and set(node.pattern) == {RUN} and not want:
        return False  # every text is LIKE '%'
    if node.kind in (BOOLEAN, NULL):
        found.of(node, said).be_among(frozenset([want]))
    return True


def _add_unknown(found: _Alternative, node: Node, said: str) -> bool:
    """A condition is unknown: by a missing attribute, unless something else in it has no value."""
    if can_be_unknown(node):
        return True
    missing = {key(each): each for each in walk(node) if isinstance(each, Attr) and not each.of_event}
    if len(missing) == 1:
        found.of(next(iter(missing.values())), said).be_null(True)
    return bool(missing)


def _add_comparison(found: _Alternative, node: Compare, want: bool, said: str) -> bool:
    op = node.op if want else _INVERSE[node.op]
    left, right = node.left, node.right
    if (age := age_of(left, op, right) or age_of(right, _FLIPPED[op], left)) is not None:
        found.of_age(age.instant, said).require(age.op, age.microseconds)
    if isinstance(left, Const):
        left, right, op = right, left, _FLIPPED[op]
    if isinstance(left, Const) and isinstance(right, Const):
        if left.value is None or right.value is None:
            return False
        return ((left.value > right.value) - (left.value < right.value)) in _SIGNS[op]
    if isinstance(right, Const):
        if right.value is None:
            return False
        if isinstance(left, Convert) and left.kind == NUMBER and abs(right.value) < 2**53:
            left = left.operand  # below 2⁵³ an integer and the double it becomes are the same number
        found.of(left, said).require(op, right.value)
        return True
    pair = (key(left), key(right))
    if pair[0] > pair[1]:
        pair, op = (pair[1], pair[0]), _FLIPPED[op]
    signs = found.signs.setdefault(pair, {0} if pair[0] == pair[1] else {-1, 0, 1})
    signs &= _SIGNS[op]
    return bool(signs)


def _add_membership(found: _Alternative, node: In, want: bool, said: str) -> bool:
    values = [option.value for option in node.options if option.value is not None]
    if not want and len(values) < len(node.options):
        return False  # NOT IN (…, NULL) is never true
    domain = found.of(node.operand, said)
    if want:
        domain.be_among(frozenset(values))
    else:
        for value in values:
            domain.require("<>", value)
    return True


def key(node: Node) -> str:
    """What a node computes, whatever it was written like; the same key, the same value."""
    return f"{type(node).__name__}({', '.join(_key_parts(node))})"


def _key_parts(node: Node) -> Iterator[str]:
    for each in fields(node):
        if each.name != "text":
            yield _key_part(getattr(node, each.name))


def _key_part(value: Any) -> str:
    if isinstance(value, Node):
        return key(value)
    if isinstance(value, tuple):
        return f"({', '.join(_key_part(each) for each in value)})"
    return repr(value)
