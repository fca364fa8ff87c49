"""Calls: the functions of ``rules/functions``, and the few that read more than their arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from sqlglot import exp

from mailwright.errors import did_you_mean
from rules.asked import asked
from rules.check import Scope, check, condition, written
from rules.fit import fit, unify
from rules.functions import Form, functions
from rules.functions.form import ANY_LIST, ELEMENT, ZONE
from rules.functions.zones import known_zones
from rules.interval import UNITS, Interval, parse_interval
from rules.kind import INTEGER, NULL, NUMBER, STRING, TIMESTAMP
from rules.tree import All, Attr, Bucket, Call, Case, Compare, Const, Events, Is, Node, Not, Now, Segment


def call(tree: exp.Anonymous, scope: Scope) -> Node:
    """The checked tree of a function call."""
    name = tree.name.lower()
    if name in SPECIAL:
        return SPECIAL[name](tree, scope)
    function = functions().get(name)
    if function is None:
        fix = did_you_mean(name, [*functions(), *SPECIAL])
        scope.fail(tree, f"unknown function {tree.name!r}", fix)
    args = [check(arg, scope) for arg in tree.expressions]
    for form in function.forms:
        fitted = _arguments(form, args)
        if fitted is not None:
            _check_zones(form, fitted, tree, scope)
            return Call(name=name, form=form, args=fitted, kind=form.result)
    given = ", ".join(str(arg.kind) for arg in args)
    return scope.fail(tree, f"{name} cannot take ({given})", f"write {function.usage}")


def _arguments(form: Form, args: list[Node]) -> tuple[Node, ...] | None:
    if len(args) != len(form.params):
        return None
    fitted: list[Node] = []
    for param, arg in zip(form.params, args, strict=True):
        node: Node | None
        if param == ANY_LIST:
            node = arg if arg.kind.name == "list" else None
        elif param == ELEMENT:
            node = fit(arg, fitted[-1].kind.element or NULL)
        else:
            node = fit(arg, STRING if param == ZONE else param)
        if node is None:
            return None
        fitted.append(node)
    return tuple(fitted)


def _check_zones(form: Form, args: tuple[Node, ...], tree: exp.Expr, scope: Scope) -> None:
    for param, arg in zip(form.params, args, strict=True):
        if param == ZONE and isinstance(arg, Const) and arg.value not in known_zones():
            scope.fail(tree, f"unknown time zone {arg.value!r}", did_you_mean(str(arg.value), known_zones()))


def _text(tree: exp.Expr | None, scope: Scope, whole: exp.Expr, what: str) -> str:
    if not isinstance(tree, exp.Literal) or not tree.is_string:
        scope.fail(whole, f"{written(whole)} needs {what} in quotes")
    return tree.name


def _only_text(tree: exp.Anonymous, scope: Scope, what: str) -> str:
    return _text(tree.expressions[0] if len(tree.expressions) == 1 else None, scope, tree, what)


def _outside_events(tree: exp.Expr, scope: Scope) -> None:
    if scope.event is not None:
        scope.fail(tree, f"{written(tree)} cannot stand among the conditions on an event")


def _segment(tree: exp.Anonymous, scope: Scope) -> Node:
    _outside_events(tree, scope)
    name = _text(
        tree.expressions[0] if len(tree.expressions) == 1 else None, scope, tree, "one segment's name"
    )
    if name not in scope.catalog.segments:
        scope.fail(
            tree.expressions[0], f"unknown segment {name!r}", did_you_mean(name, scope.catalog.segments)
        )
    return Segment(name=name)


def _bucket(tree: exp.Anonymous, scope: Scope) -> Node:
    _outside_events(tree, scope)
    return Bucket(salt=_only_text(tree, scope, "one salt"), kind=NUMBER)


def _now(tree: exp.Anonymous, scope: Scope) -> Node:
    if tree.expressions:
        scope.fail(tree, "now() takes nothing")
    return Now(kind=TIMESTAMP)


def _coalesce(tree: exp.Anonymous, scope: Scope) -> Node:
    if not tree.expressions:
        scope.fail(tree, "coalesce() needs at least one value")
    *some, last = unify((check(arg, scope) for arg in tree.expressions), tree, scope)
    branches = tuple((Not(operand=Is(operand=node, what=None)), node) for node in some)
    return Case(branches=branches, default=last, kind=last.kind) if branches else last


def _nullif(tree: exp.Anonymous, scope: Scope) -> Node:
    if len(tree.expressions) != 2:
        scope.fail(tree, "nullif(value, unwanted) takes two values")
    value, unwanted = unify((check(arg, scope) for arg in tree.expressions), tree, scope)
    same = Compare(op="=", left=value, right=unwanted)
    return Case(branches=((same, Const(value=None, kind=value.kind)),), default=value, kind=value.kind)


def _events(how: Literal["count", "sum", "last"]) -> Callable[[exp.Anonymous, Scope], Node]:
    def events(tree: exp.Anonymous, scope: Scope) -> Node:
        _outside_events(tree, scope)
        args = list(tree.expressions)
        name = _text(args.pop(0) if args else None, scope, tree, "the name of an event")
        known = scope.catalog.events
        if name not in known:
            scope.fail(tree.expressions[0], f"unknown event {name!r}", did_you_mean(name, known))
        inside = replace(scope, event=known[name])
        field = _field(args.pop(0) if args else None, inside, tree) if how == "sum" else None
        window = _window(args.pop(0), scope) if args and _may_be_window(args[0]) else None
        terms = tuple(condition(arg, inside) for arg in args)
        where = All(terms=terms) if len(terms) > 1 else next(iter(terms), None)
        kind = {"count": INTEGER, "last": TIMESTAMP}.get(how) or (field.kind if field else NUMBER)
        return Events(how=how, event=name, window=window, where=where, field=field, kind=kind)

    return events


def _field(tree: exp.Expr | None, scope: Scope, whole: exp.Expr) -> Attr:
    node = check(tree, scope) if isinstance(tree, exp.Column) else None
    if not isinstance(node, Attr):
        scope.fail(
            whole, "sum_events needs a field", "write sum_events('order_completed', amount, '30 days')"
        )
    if node.kind not in (INTEGER, NUMBER):
        scope.fail(whole, f"{node.text} is {node.kind.a} and cannot be summed")
    return node


def _may_be_window(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Interval) or (isinstance(tree, exp.Literal) and tree.is_string)


def _window(tree: exp.Expr, scope: Scope) -> Interval:
    said = tree.name
    if isinstance(tree, exp.Interval):
        unit = tree.args.get("unit")
        said = f"{tree.this.name} {unit.name if unit is not None else ''}"
    window = parse_interval(said)
    if window is None or window == Interval():
        scope.fail(tree, f"{said!r} is no length of time", f"write '30 days'; units: {', '.join(UNITS)}")
    return window


Special = Callable[[exp.Anonymous, Scope], Node]
SPECIAL: dict[str, Special] = {
    "bucket": _bucket,
    "coalesce": _coalesce,
    "count_events": _events("count"),
    "last_event": _events("last"),
    "now": _now,
    "nullif": _nullif,
    "recommend": asked,
    "segment": _segment,
    "sum_events": _events("sum"),
}
"""Functions that read the clock, the profile's events, segments or id, or do not give NULL for NULL."""
