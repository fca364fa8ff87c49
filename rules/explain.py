"""Why a rule holds or not: each operand's value, and the clause that decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mailwright.model.trace import Operand, Outcome
from rules.closure import compile_closure
from rules.context import RuleContext
from rules.tree import All, Any_, Attr, Bucket, Call, Convert, Events, Node, Not, Segment, children, walk


def explain(rule: str, tree: Node, profile: Mapping[str, Any], context: RuleContext) -> Outcome:
    """The outcome for one profile, by evaluating every operand and clause on its own."""
    holds = compile_closure(tree)(profile, context)
    decisive = _decisive(tree, profile, context)
    missing: dict[str, None] = {}
    if holds is None:
        for clause in decisive:
            for node in walk(clause):
                if isinstance(node, Attr) and not node.of_event and _value(node, profile, context) is None:
                    missing[".".join(node.path)] = None
    return Outcome(
        rule=rule,
        holds=holds,
        operands=tuple(_operands(tree, profile, context)),
        decided_by=" AND ".join(clause.text for clause in decisive) if len(decisive) < 4 else tree.text,
        missing=tuple(missing),
    )


def _value(node: Node, profile: Mapping[str, Any], context: RuleContext) -> Any:
    return compile_closure(node)(profile, context)


def _decisive(tree: Node, profile: Mapping[str, Any], context: RuleContext) -> list[Node]:
    """The smallest clauses that together make the result what it is: of a false AND its first false term, of
    a true OR its first true one, of an unknown one all its unknown terms; else the whole."""
    if isinstance(tree, Not):
        inner = _decisive(tree.operand, profile, context)
        return [tree] if inner == [tree.operand] else inner
    if not isinstance(tree, All | Any_):
        return [tree]
    values = [_value(term, profile, context) for term in tree.terms]
    result, sufficient = _value(tree, profile, context), isinstance(tree, Any_)
    if result is None:
        unknown = [term for term, value in zip(tree.terms, values, strict=True) if value is None]
        return [clause for term in unknown for clause in _decisive(term, profile, context)]
    if result is sufficient:
        return _decisive(tree.terms[values.index(result)], profile, context)
    return [tree]


def _operands(tree: Node, profile: Mapping[str, Any], context: RuleContext) -> Iterator[Operand]:
    seen: set[str] = set()
    for node in _readers(tree):
        if node.text not in seen:
            seen.add(node.text)
            value = _value(node, profile, context)
            yield Operand(expression=node.text, value=value, missing=value is None)


def _readers(node: Node) -> Iterator[Node]:
    """Attributes, segments, aggregates and calls, in reading order; a call before what it was given."""
    if isinstance(node, Convert):
        node = node.operand
    if isinstance(node, Attr | Segment | Events | Bucket | Call):
        yield node
    if not isinstance(node, Events):
        for child in children(node):
            yield from _readers(child)
