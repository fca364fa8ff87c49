"""Checked tree to Python closure: one function per node, composed once, called for every profile.

Nothing is ever generated as text or evaluated as Python. Every closure takes the profile (or, inside the
conditions on an event, the event) and the context, and gives None for NULL.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from mailwright.model.identity import bucket
from rules.aggregate import compile_events
from rules.context import RuleContext
from rules.kind import INTEGER, NUMBER
from rules.pattern import matcher
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

Closure = Callable[[Mapping[str, Any], RuleContext], Any]

_MIN, _MAX = -(2**63), 2**63 - 1


def compile_closure(node: Node) -> Closure:
    """The function that computes ``node`` for one profile. It raises TypeError, AttributeError or
    OverflowError when a value is not of its declared type; never otherwise."""
    return _COMPILERS[type(node)](node)


def _const(node: Const) -> Closure:
    value = node.value
    return lambda _profile, _context: value


def _attr(node: Attr) -> Closure:
    read = _path(node.path)
    if node.kind == NUMBER:
        inner = read

        def read(profile: Mapping[str, Any], context: RuleContext) -> Any:
            value = inner(profile, context)
            return value if value == value else None  # NaN is a missing number

    default = node.default
    if default is None:
        return read
    known = read

    def with_default(profile: Mapping[str, Any], context: RuleContext) -> Any:
        value = known(profile, context)
        return default if value is None else value

    return with_default


def _path(path: tuple[str, ...]) -> Closure:
    name, *rest = path
    if not rest:
        return lambda profile, _context: profile.get(name)

    def descend(profile: Mapping[str, Any], _context: RuleContext) -> Any:
        value = profile.get(name)
        for member in rest:
            if value is None:
                return None
            value = value.get(member)
        return value

    return descend


def _now(_node: Now) -> Closure:
    return lambda _profile, context: context.now


def _segment(node: Segment) -> Closure:
    name = node.name
    return lambda _profile, context: name in context.segments


def _bucket(node: Bucket) -> Closure:
    salt = node.salt
    return lambda profile, _context: bucket(salt, profile["profile_id"])


def _convert(node: Convert) -> Closure:
    operand = compile_closure(node.operand)
    convert: Callable[[Any], Any] = float if node.kind == NUMBER else _midnight

    def converted(profile: Mapping[str, Any], context: RuleContext) -> Any:
        value = operand(profile, context)
        return None if value is None else convert(value)

    return converted


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


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
        read = _path(node.path)

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


def _divide(a: float, b: float) -> float | None:
    return a / b if b else None


def _remainder(a: float, b: float) -> float | None:
    """SQL's: it has the sign of the dividend."""
    if not b:
        return None
    if isinstance(a, int) and isinstance(b, int):
        rest = abs(a) % abs(b)
        return rest if a >= 0 else -rest
    return math.fmod(a, b) if math.isfinite(a) else None


_ARITH: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
}


def _arith(node: Arith) -> Closure:
    compute, left, right = _ARITH[node.op], compile_closure(node.left), compile_closure(node.right)
    whole = node.kind == INTEGER

    def computed(profile: Mapping[str, Any], context: RuleContext) -> Any:
        a, b = left(profile, context), right(profile, context)
        if a is None or b is None:
            return None
        value = compute(a, b)
        if value is None:
            return None
        return value if (_MIN <= value <= _MAX if whole else math.isfinite(value)) else None

    return computed


def _shift(node: Shift) -> Closure:
    operand, by = compile_closure(node.operand), node.by

    def shifted(profile: Mapping[str, Any], context: RuleContext) -> Any:
        value = operand(profile, context)
        return None if value is None else by.shift(value)

    return shifted


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
    Arith: _arith,
    Attr: _attr,
    Bucket: _bucket,
    Call: _call,
    Case: _case,
    Compare: _compare,
    Const: _const,
    Convert: _convert,
    Events: lambda node: compile_events(node, compile_closure),
    In: _in,
    Is: _is,
    Like: _like,
    Not: _not,
    Now: _now,
    Segment: _segment,
    Shift: _shift,
}
