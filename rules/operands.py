"""Operands: attributes, literals, dates and the clock."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from sqlglot import exp

from mailwright.errors import did_you_mean
from mailwright.model.schema import Attribute, Schema
from rules.check import LANGUAGE, Grammar, Scope, check, written
from rules.fit import fit, read_date, read_instant
from rules.kind import BOOLEAN, DATE, INTEGER, NULL, NUMBER, STRING, TIMESTAMP, kind_of
from rules.tree import Attr, Const, Node, Now

INT64 = range(-(2**63), 2**63)


def _column(tree: exp.Expr, scope: Scope) -> Node:
    parts = list(tree.parts) if isinstance(tree, exp.Column | exp.Dot) else []
    if not parts or not all(isinstance(part, exp.Identifier) for part in parts):
        scope.fail(tree, f"{written(tree)} is not part of the rule language", LANGUAGE)
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


def _literal(tree: exp.Expr, scope: Scope) -> Node:
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


def _cast(tree: exp.Cast, scope: Scope) -> Node:
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


OPERANDS: Grammar = {
    exp.Column: _column,
    exp.Dot: _column,
    exp.Literal: _literal,
    exp.Boolean: lambda tree, _: Const(value=bool(tree.this), kind=BOOLEAN),
    exp.Null: lambda _tree, _scope: Const(value=None, kind=NULL),
    exp.Paren: lambda tree, scope: check(tree.this, scope),
    exp.Cast: _cast,
    exp.CurrentTimestamp: lambda _tree, _scope: Now(kind=TIMESTAMP),
}
