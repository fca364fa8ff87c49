"""Syntax tree to checked tree: every name must exist and all kinds must fit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from sqlglot import exp

from mailwright.errors import Location, RuleError, did_you_mean
from mailwright.model.schema import Attribute, Schema
from rules.catalog import RuleCatalog
from rules.interval import UNITS, Interval, parse_interval
from rules.kind import BOOLEAN, DATE, INTEGER, NULL, NUMBER, STRING, TIMESTAMP, Kind, kind_of, meet
from rules.read import RuleDialect, place
from rules.tree import (
    ONE,
    RUN,
    All,
    Any_,
    Arith,
    Attr,
    Case,
    Compare,
    Const,
    Convert,
    In,
    Is,
    Like,
    Node,
    Not,
    Now,
    Shift,
)

INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Scope:
    """Where a rule is checked: the text, its place, the catalogue, and the event's fields inside a filter."""

    catalog: RuleCatalog
    text: str
    at: Location
    event: Schema | None = None

    def fail(self, tree: exp.Expression, what: str, fix: str | None = None) -> NoReturn:
        """Raises the RuleError that points at the first character of ``tree``."""
        starts = [node.meta["start"] for node in tree.walk() if "start" in node.meta]
        where = place(self.at, self.text, min(starts)) if starts else self.at
        raise RuleError(what, at=where, fix=fix)


def check(tree: exp.Expression, scope: Scope) -> Node:
    """The checked tree of an expression of any kind.

    Raises RuleError for unknown names, kinds that do not fit, and SQL that is no part of the language.
    """
    handler = _HANDLERS.get(type(tree))
    if handler is None:
        scope.fail(tree, f"{written(tree)} is not part of the rule language", _LANGUAGE)
    return replace(handler(tree, scope), text=written(tree))


def condition(tree: exp.Expression, scope: Scope) -> Node:
    """The checked tree of an expression that must be true, false or unknown."""
    node = check(tree, scope)
    if node.kind not in (BOOLEAN, NULL):
        scope.fail(tree, f"{node.text} is a {node.kind}, not a condition", "compare it with something")
    return node


_LANGUAGE = "docs/rules.md lists what a rule can say"


def written(tree: exp.Expression) -> str:
    """The expression as its author could have written it."""
    return str(tree.sql(dialect=RuleDialect, normalize_functions=False, comments=False))


def fit(node: Node, kind: Kind) -> Node | None:
    """``node`` as a value of ``kind``, or None when it cannot be one: integers become numbers, dates instants,
    and text constants dates or instants where they can be read as such."""
    if node.kind == kind or node.kind == NULL:
        return replace(node, kind=kind)
    if isinstance(node, Const) and node.kind == STRING and kind in (DATE, TIMESTAMP):
        value = read_date(node.value) if kind == DATE else read_instant(node.value)
        return None if value is None else replace(node, kind=kind, value=value)
    if meet(node.kind, kind) != kind:
        return None
    if isinstance(node, Const):
        value = float(node.value) if kind == NUMBER else read_instant(node.value.isoformat())
        return replace(node, kind=kind, value=value)
    return Convert(operand=node, kind=kind, text=node.text)


def read_date(text: str) -> date | None:
    """The date that ``2026-11-20`` says."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_instant(text: str) -> datetime | None:
    """The instant that an ISO 8601 text says; without an offset it is meant in UTC."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def unify(nodes: Iterable[Node], tree: exp.Expression, scope: Scope) -> list[Node]:
    """The nodes, all of one kind in which they can be compared."""
    found = list(nodes)
    kind = NULL
    for node in sorted(found, key=lambda each: isinstance(each, Const)):
        wider = node.kind if kind == NULL else meet(kind, node.kind)
        if wider is None and isinstance(node, Const) and node.kind == STRING and kind in (DATE, TIMESTAMP):
            if fit(node, kind) is None and (kind == TIMESTAMP or read_instant(node.value) is None):
                scope.fail(
                    tree, f"{node.text} is no {kind}", "write '2026-11-20' or '2026-11-20 18:30:00+01:00'"
                )
            wider = kind if fit(node, kind) is not None else TIMESTAMP
        if wider is None:
            scope.fail(
                tree, f"a {kind} cannot meet a {node.kind}: {written(tree)}", _kinds_fix(kind, node.kind)
            )
        kind = wider
    fitted = [fit(node, kind) for node in found]
    return [node for node in fitted if node is not None]


def _kinds_fix(a: Kind, b: Kind) -> str | None:
    if "list" in (a.name, b.name):
        return "ask a list with has(list, value) or len(list)"
    if STRING in (a, b) and {a, b} & {INTEGER, NUMBER}:
        return "write numbers without quotes and texts with them"
    return None


def _column(tree: exp.Expression, scope: Scope) -> Node:
    parts = list(tree.parts) if isinstance(tree, exp.Column | exp.Dot) else []
    if not parts or not all(isinstance(part, exp.Identifier) for part in parts):
        scope.fail(tree, f"{written(tree)} is not part of the rule language", _LANGUAGE)
    known: Schema = scope.catalog.attributes if scope.event is None else scope.event
    what = "attribute" if scope.event is None else "field of this event"
    found: Attribute | None = None
    for part in parts:
        if part.name not in known:
            fix = did_you_mean(part.name, known)
            scope.fail(part, f"unknown {what} {part.name!r}", fix)
        found = known[part.name]
        known, what = found.fields or {}, f"member of {part.name!r}"
    assert found is not None
    kind = kind_of(found)
    default = found.default
    if isinstance(default, str) and kind in (DATE, TIMESTAMP):
        default = read_date(default) if kind == DATE else read_instant(default)
    elif isinstance(default, datetime) and default.tzinfo is None:
        default = default.replace(tzinfo=UTC)
    elif isinstance(default, int) and kind == NUMBER:
        default = float(default)
    path = tuple(part.name for part in parts)
    return Attr(path=path, kind=kind, default=default, of_event=scope.event is not None)


def _literal(tree: exp.Expression, scope: Scope) -> Node:
    if tree.is_string:
        return Const(value=tree.name, kind=STRING)
    if re.fullmatch(r"\d+", tree.name):
        value = int(tree.name)
        if value not in INT64:
            scope.fail(tree, f"{tree.name} is larger than a 64-bit integer")
        return Const(value=value, kind=INTEGER)
    try:
        number = float(tree.name)
    except ValueError:
        scope.fail(tree, f"{tree.name} is not a number")
    if not math.isfinite(number):
        scope.fail(tree, f"{tree.name} is larger than any number")
    return Const(value=number, kind=NUMBER)


def _compare(op: str) -> Callable[[exp.Expression, Scope], Node]:
    def compare(tree: exp.Expression, scope: Scope) -> Node:
        left, right = unify((check(tree.this, scope), check(tree.expression, scope)), tree, scope)
        if left.kind.name in ("list", "object"):
            scope.fail(
                tree, f"a {left.kind} cannot be compared", "ask a list with has(list, value) or len(list)"
            )
        return Compare(op=op, left=left, right=right)

    return compare


def _distinct(tree: exp.Expression, scope: Scope) -> Node:
    """IS [NOT] DISTINCT FROM: equality for which two NULLs are equal, so never unknown."""
    equal = _compare("=")(tree, scope)
    assert isinstance(equal, Compare)
    both = All(terms=(Is(operand=equal.left, what=None), Is(operand=equal.right, what=None)))
    same = Any_(terms=(Is(operand=equal, what=True), both))
    return same if isinstance(tree, exp.NullSafeEQ) else Not(operand=same)


def _terms(tree: exp.Expression, scope: Scope) -> Node:
    terms = tuple(condition(term.unnest(), scope) for term in tree.flatten())
    return All(terms=terms) if isinstance(tree, exp.And) else Any_(terms=terms)


def _is(tree: exp.Expression, scope: Scope) -> Node:
    operand, what = check(tree.this, scope), tree.expression
    if isinstance(what, exp.Null):
        return Is(operand=operand, what=None)
    if isinstance(what, exp.Boolean) and operand.kind in (BOOLEAN, NULL):
        return Is(operand=operand, what=bool(what.this))
    scope.fail(tree, f"IS takes NULL, or TRUE and FALSE after a condition: {written(tree)}")


def _between(tree: exp.Expression, scope: Scope) -> Node:
    value, low, high = (check(tree.args[name], scope) for name in ("this", "low", "high"))
    above = Compare(op=">=", **_sides(value, low, tree, scope))
    below = Compare(op="<=", **_sides(value, high, tree, scope))
    return All(
        terms=(
            replace(above, text=f"{value.text} >= {low.text}"),
            replace(below, text=f"{value.text} <= {high.text}"),
        )
    )


def _sides(left: Node, right: Node, tree: exp.Expression, scope: Scope) -> dict[str, Any]:
    a, b = unify((left, right), tree, scope)
    return {"left": a, "right": b}


def _in(tree: exp.Expression, scope: Scope) -> Node:
    field = tree.args.get("field")
    if field is not None:
        scope.fail(
            tree, "IN takes values in parentheses", f"write has({written(field)}, {written(tree.this)})"
        )
    if tree.args.get("query") is not None or tree.args.get("unnest") is not None:
        scope.fail(tree, "IN takes values in parentheses, no query")
    nodes = unify((check(each, scope) for each in (tree.this, *tree.expressions)), tree, scope)
    operand, options = nodes[0], [node for node in nodes[1:] if isinstance(node, Const)]
    if len(options) < len(nodes) - 1:
        scope.fail(tree, "IN takes literal values", "join comparisons with OR")
    return In(operand=operand, options=tuple(options))


def _like(tree: exp.Expression, scope: Scope) -> Node:
    escape = ""
    inner = tree
    if isinstance(tree, exp.Escape):
        escape, inner = tree.expression.name, tree.this
    value, pattern = fit(check(inner.this, scope), STRING), check(inner.expression, scope)
    if value is None or not isinstance(pattern, Const) or pattern.kind != STRING or len(escape) > 1:
        scope.fail(tree, f"LIKE takes a text and a literal pattern: {written(tree)}")
    pieces: list[str | int] = []
    letters = iter(pattern.value)
    for letter in letters:
        piece: str | int = {"%": RUN, "_": ONE}.get(letter, letter)
        if letter == escape:
            piece = next(letters, "")
            if not piece:
                scope.fail(tree, "the pattern ends in its escape character")
        if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    like = Like(operand=value, pattern=tuple(pieces), fold=isinstance(inner, exp.ILike))
    return Not(operand=like) if inner.args.get("negate") else like


def _arith(op: str) -> Callable[[exp.Expression, Scope], Node]:
    def arith(tree: exp.Expression, scope: Scope) -> Node:
        interval = tree.expression.find(exp.Interval) if op in "+-" else None
        if interval is not None and tree.expression.unnest() is interval:
            by = _interval(interval, scope)
            moved = fit(check(tree.this, scope), TIMESTAMP)
            if moved is None:
                scope.fail(tree, f"an interval can be added to an instant or a date: {written(tree)}")
            return Shift(operand=moved, by=by if op == "+" else -by, kind=TIMESTAMP)
        left, right = unify((check(tree.this, scope), check(tree.expression, scope)), tree, scope)
        if left.kind not in (INTEGER, NUMBER):
            fix = (
                "days_between(a, b) tells how far apart instants are"
                if left.kind in (DATE, TIMESTAMP)
                else None
            )
            scope.fail(tree, f"{op} takes numbers, not a {left.kind}: {written(tree)}", fix)
        if op == "/":
            left, right = (fit(side, NUMBER) or side for side in (left, right))
        return Arith(op=op, left=left, right=right, kind=left.kind)

    return arith


def _negative(tree: exp.Expression, scope: Scope) -> Node:
    value = check(tree.this, scope)
    if isinstance(value, Const) and value.kind in (INTEGER, NUMBER):
        return replace(value, value=-value.value)
    if value.kind not in (INTEGER, NUMBER):
        scope.fail(tree, f"- takes a number, not a {value.kind}")
    zero = Const(value=0 if value.kind == INTEGER else 0.0, kind=value.kind)
    return Arith(op="-", left=zero, right=value, kind=value.kind)


def _interval(tree: exp.Interval, scope: Scope) -> Interval:
    unit = tree.args.get("unit")
    interval = parse_interval(f"{tree.this.name} {unit.name if unit is not None else ''}")
    if interval is None:
        scope.fail(
            tree,
            f"{written(tree)} is no length of time",
            f"write INTERVAL '3 days'; units: {', '.join(UNITS)}",
        )
    return interval


def _cast(tree: exp.Expression, scope: Scope) -> Node:
    kinds = {exp.DType.DATE: DATE, exp.DType.TIMESTAMP: TIMESTAMP, exp.DType.TIMESTAMPTZ: TIMESTAMP}
    kind = kinds.get(tree.to.this)
    if kind is None or not isinstance(tree.this, exp.Literal) or not tree.this.is_string:
        scope.fail(tree, "values are not converted in rules", "declare the attribute's type in the schema")
    node = fit(check(tree.this, scope), kind)
    if node is None:
        scope.fail(
            tree,
            f"{written(tree.this)} is no {kind}",
            "write DATE '2026-11-20' or TIMESTAMP '2026-11-20 18:30:00'",
        )
    return node


def _case(tree: exp.Expression, scope: Scope) -> Node:
    conditions: list[Node] = []
    values: list[Node] = []
    for branch in [tree] if isinstance(tree, exp.If) else tree.args["ifs"]:
        subject = tree.args.get("this") if isinstance(tree, exp.Case) else None
        test = branch.this if subject is None else exp.EQ(this=subject.copy(), expression=branch.this.copy())
        conditions.append(condition(test, scope))
        values.append(check(branch.args["true"], scope))
    otherwise = tree.args.get("false" if isinstance(tree, exp.If) else "default")
    values.append(Const(value=None, kind=NULL, text="NULL") if otherwise is None else check(otherwise, scope))
    *results, default = unify(values, tree, scope)
    return Case(branches=tuple(zip(conditions, results, strict=True)), default=default, kind=default.kind)


def _call(tree: exp.Expression, scope: Scope) -> Node:
    from rules.calls import call  # the two modules descend into each other

    return call(tree, scope)


_HANDLERS: dict[type[exp.Expression], Callable[[Any, Scope], Node]] = {
    exp.Column: _column,
    exp.Dot: _column,
    exp.Literal: _literal,
    exp.Boolean: lambda tree, _: Const(value=bool(tree.this), kind=BOOLEAN),
    exp.Null: lambda _tree, _scope: Const(value=None, kind=NULL),
    exp.Paren: lambda tree, scope: check(tree.this, scope),
    exp.And: _terms,
    exp.Or: _terms,
    exp.Not: lambda tree, scope: Not(operand=condition(tree.this, scope)),
    exp.EQ: _compare("="),
    exp.NEQ: _compare("<>"),
    exp.LT: _compare("<"),
    exp.LTE: _compare("<="),
    exp.GT: _compare(">"),
    exp.GTE: _compare(">="),
    exp.NullSafeEQ: _distinct,
    exp.NullSafeNEQ: _distinct,
    exp.Is: _is,
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.ILike: _like,
    exp.Escape: _like,
    exp.Add: _arith("+"),
    exp.Sub: _arith("-"),
    exp.Mul: _arith("*"),
    exp.Div: _arith("/"),
    exp.Mod: _arith("%"),
    exp.Neg: _negative,
    exp.Cast: _cast,
    exp.Case: _case,
    exp.If: _case,
    exp.CurrentTimestamp: lambda _tree, _scope: Now(kind=TIMESTAMP),
    exp.Anonymous: _call,
}
