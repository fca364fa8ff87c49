"""Checked tree to Python closure: one function per node, composed once, called for every profile.

Nothing is ever generated as text or evaluated as Python. Every closure takes the profile (or, inside the
conditions on an event, the event) and the context, and gives None for NULL.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from rules.aggregate import compile_events
from rules.arithmetic import arithmetic, convert, shift
from rules.context import Closure, RuleContext
from rules.kind import NUMBER
from rules.pattern import matcher
from rules.reading import read_attribute, read_bucket, read_clock, read_path, read_segment
from rules.tree import (
    All,
    Any_,
    Arith,
    Attr,
    Bucket,
    Call,
    Case,
    Compare,
    Const,
    Convert,
    Events,
    In,
    Is,
    Like,
    Node,
    Not,
    Now,
    Segment,
    Shift,
)


def compile_closure(node: Node) -> Closure:
    """The function that computes ``node`` for one profile. It raises TypeError, AttributeError or
    OverflowError when a value is not of its declared type; never otherwise."""
    return _COMPILERS[type(node)](node)


def _const(node: Const) -> Closure:
    value = node.value
    return lambda _profile, _context: value


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compare(node: Compare) -> Closure:
    compare, left, right = _COMPARE[node.op], compile_closure(node.left), compile_closure(node.right)
    if isinstance(node.right, Const) and node.right.value is not None:
        constant = node.right.value
        if isinstance(node.left, Attr) and node.left.kind != NUMBER and node.left.default is None:
            return _compare_attribute(node.left, compare, constant)

        def with_constant(profile: Mapping[str, Any], context: RuleContext) -> Any:
            value = left(profile, context)
            return None if value is None else compare(value, constant)

        return with_constant

    def compared(profile: Mapping[str, Any], context: RuleContext) -> Any:
        a, b = left(profile, context), right(profile, context)
        return None if a is None or b is None else compare(a, b)

    return compared


def _compare_attribute(node: Attr, compare: Callable[[Any, Any], Any], constant: Any) -> Closure:
    """What most clauses are: one call less for each."""
    if len(node.path) > 1:
        read = read_path(node.path)

        def member(profile: Mapping[str, Any], context: RuleContext) -> Any:
            value = read(profile, context)
            return None if value is None else compare(value, constant)

        return member
    (name,) = node.path

    def attribute(profile: Mapping[str, Any], _context: RuleContext) -> Any:
        value = profile.get(name)
        return None if value is None else compare(value, constant)

    return attribute


def _all(node: All) -> Closure:
    terms = tuple(compile_closure(term) for term in node.terms)

    def conjunction(profile: Mapping[str, Any], context: RuleContext) -> Any:
        result: bool | None = True
        for term in terms:
            value = term(profile, context)
            if value is None:
                result = None
            elif not value:
                return False
        return result

    return conjunction


def _any(node: Any_) -> Closure:
    terms = tuple(compile_closure(term) for term in node.terms)

    def disjunction(profile: Mapping[str, Any], context: RuleContext) -> Any:
        result: bool | None = False
        for term in terms:
            value = term(profile, context)
            if value is None:
                result = None
            elif value:
                return True
        return result

    return disjunction


def _not(node: Not) -> Closure:
    operand = compile_closure(node.operand)

    def negation(profile: Mapping[str, Any], context: RuleContext) -> Any:
        value = operand(profile, context)
        return None if value is None else not value

    return negation


def _is(node: Is) -> Closure:
    operand, what = compile_closure(node.operand), node.what
    return lambda profile, context: operand(profile, context) is what


def _in(node: In) -> Closure:
    operand = compile_closure(node.operand)
    options = frozenset(option.value for option in node.options if option.value is not None)
    otherwise = None if any(option.value is None for option in node.options) else False

    def member(profile: Mapping[str, Any], context: RuleContext) -> Any:
        value = operand(profile, context)
        if value is None:
            return None
        return True if value in options else otherwise

    return member


def _like(node: Like) -> Closure:
    operand, matches = compile_closure(node.operand), matcher(node.pattern, node.fold)

    def like(profile: Mapping[str, Any], context: RuleContext) -> Any:
        value = operand(profile, context)
        return None if value is None else matches(value)

    return like


def _case(node: Case) -> Closure:
    branches = tuple((compile_closure(test), compile_closure(value)) for test, value in node.branches)
    default = compile_closure(node.default)

    def chosen(profile: Mapping[str, Any], context: RuleContext) -> Any:
        for test, value in branches:
            if test(profile, context):
                return value(profile, context)
        return default(profile, context)

    return chosen


def _call(node: Call) -> Closure:
    compute, args = node.form.compute, tuple(compile_closure(arg) for arg in node.args)
    uses_now = node.form.uses_now
    if len(args) == 1:
        (only,) = args

        def unary(profile: Mapping[str, Any], context: RuleContext) -> Any:
            value = only(profile, context)
            if value is None:
                return None
            return compute(context.now, value) if uses_now else compute(value)

        return unary

    def called(profile: Mapping[str, Any], context: RuleContext) -> Any:
        values = [arg(profile, context) for arg in args]
        if any(value is None for value in values):
            return None
        return compute(context.now, *values) if uses_now else compute(*values)

    return called


_COMPILERS: dict[type[Node], Callable[[Any], Closure]] = {
    All: _all,
    Any_: _any,
    Arith: lambda node: arithmetic(node, compile_closure),
    Attr: read_attribute,
    Bucket: read_bucket,
    Call: _call,
    Case: _case,
    Compare: _compare,
    Const: _const,
    Convert: lambda node: convert(node, compile_closure),
    Events: lambda node: compile_events(node, compile_closure),
    In: _in,
    Is: _is,
    Like: _like,
    Not: _not,
    Now: read_clock,
    Segment: read_segment,
    Shift: lambda node: shift(node, compile_closure),
}
