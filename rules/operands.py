"""Operands: attributes, literals, dates and the clock."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import Any

from sqlglot import exp

from mailwright.errors import did_you_mean
from mailwright.model.schema import Attribute, Schema
from rules.check import LANGUAGE, Grammar, Scope, check, written
from rules.fit import fit, read_date, read_instant
from rules.kind import BOOLEAN, DATE, INTEGER, NULL, NUMBER, STRING, TIMESTAMP, Kind, kind_of
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
    return Attr(
        path=tuple(part.name for part in parts),
        kind=kind,
        default=_declared(found.default, kind),
        allowed=None if found.allowed is None else tuple(_declared(each, kind) for each in found.allowed),
        low=_declared(found.min, kind),
        high=_declared(found.max, kind),
        of_event=scope.event is not None,
    )


def _declared(value: Any, kind: Kind) -> Any:
    """A value of the schema as rules have it: YAML knows no time zones, and writes 1 for 1.0."""
    if isinstance(value, str) and kind in (DATE, TIMESTAMP):
        return read_date(value) if kind == DATE else read_instant(value)
    if isinstance(value, date) and kind in (DATE, TIMESTAMP):
        return value if kind == DATE and not isinstance(value, datetime) else _moment(value, kind)
    return float(value) if isinstance(value, int) and kind == NUMBER else value


def _moment(value: date, kind: Kind) -> date:
    if kind == DATE:
        return date(value.year, value.month, value.day)
    instant = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


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
