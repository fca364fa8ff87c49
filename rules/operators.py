"""Operators: comparisons, logic, LIKE, IN, CASE and arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from mailwright.errors import did_you_mean
from rules.check import Grammar, Scope, check, condition, written
from rules.fit import fit, kinds_fix, unify
from rules.interval import UNITS, Interval, parse_interval
from rules.kind import BOOLEAN, DATE, INTEGER, NULL, NUMBER, STRING, TIMESTAMP
from rules.tree import ONE, RUN, All, Any_, Arith, Attr, Case, Compare, Const, In, Is, Like, Node, Not, Shift


def _compare(op: str) -> Callable[[exp.Expr, Scope], Node]:
    def compare(tree: exp.Expr, scope: Scope) -> Node:
        left, right = unify((check(tree.this, scope), check(tree.expression, scope)), tree, scope)
        if left.kind.name in ("list", "object"):
            scope.fail(tree, f"{left.kind.a} cannot be compared", kinds_fix(left.kind, right.kind))
        if op in ("=", "<>"):
            _allowed(left, right, tree, scope)
            _allowed(right, left, tree, scope)
        return Compare(op=op, left=left, right=right)

    return compare


def _allowed(operand: Node, value: Node, tree: exp.Expr, scope: Scope) -> None:
    """A value that the schema rules out is a slip of the pen, wherever it stands."""
    if not isinstance(operand, Attr) or operand.allowed is None or not isinstance(value, Const):
        return
    if value.value not in (None, operand.default, *operand.allowed):
        fix = did_you_mean(str(value.value), [str(each) for each in operand.allowed])
        scope.fail(tree, f"{operand.text} is never {value.value!r}", fix)


def _distinct(tree: exp.Expr, scope: Scope) -> Node:
    """IS [NOT] DISTINCT FROM: equality for which two NULLs are equal, so never unknown."""
    text = written(tree)
    equal = _compare("=")(tree, scope)
    assert isinstance(equal, Compare)
    missing = tuple(Is(operand=side, what=None, text=text) for side in (equal.left, equal.right))
    same = Any_(terms=(Is(operand=equal, what=True, text=text), All(terms=missing, text=text)), text=text)
    return same if isinstance(tree, exp.NullSafeEQ) else Not(operand=same)


def _terms(tree: exp.Expr, scope: Scope) -> Node:
    terms = tuple(condition(term.unnest(), scope) for term in tree.flatten())
    return All(terms=terms) if isinstance(tree, exp.And) else Any_(terms=terms)


def _is(tree: exp.Expr, scope: Scope) -> Node:
    operand, what = check(tree.this, scope), tree.expression
    if isinstance(what, exp.Null):
        return Is(operand=operand, what=None)
    if isinstance(what, exp.Boolean) and operand.kind in (BOOLEAN, NULL):
        return Is(operand=operand, what=bool(what.this))
    return scope.fail(tree, f"IS takes NULL, or TRUE and FALSE after a condition: {written(tree)}")


def _between(tree: exp.Expr, scope: Scope) -> Node:
    if tree.args.get("symmetric"):
        scope.fail(tree, "BETWEEN takes the smaller value first, without SYMMETRIC")
    value, low, high = (check(tree.args[name], scope) for name in ("this", "low", "high"))
    terms: list[Node] = []
    for op, bound in ((">=", low), ("<=", high)):
        left, right = unify((value, bound), tree, scope)
        terms.append(Compare(op=op, left=left, right=right, text=f"{value.text} {op} {bound.text}"))
    return All(terms=tuple(terms))


def _in(tree: exp.Expr, scope: Scope) -> Node:
    field = tree.args.get("field")
    if field is not None:
        fix = f"write has({written(field)}, {written(tree.this)})"
        scope.fail(tree, "IN takes values in parentheses", fix)
    if tree.args.get("query") is not None or tree.args.get("unnest") is not None:
        scope.fail(tree, "IN takes values in parentheses, no query")
    nodes = unify((check(each, scope) for each in (tree.this, *tree.expressions)), tree, scope)
    operand, options = nodes[0], [node for node in nodes[1:] if isinstance(node, Const)]
    if not options or len(options) < len(nodes) - 1:
        scope.fail(tree, "IN takes literal values", "join comparisons with OR")
    for option in options:
        _allowed(operand, option, tree, scope)
    return In(operand=operand, options=tuple(options))


def _like(tree: exp.Expr, scope: Scope) -> Node:
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
    fold = isinstance(inner, exp.ILike)
    like = Like(operand=value, pattern=tuple(pieces), fold=fold, text=written(tree))
    return Not(operand=like) if inner.args.get("negate") else like


def _arith(op: str) -> Callable[[exp.Expr, Scope], Node]:
    def arith(tree: exp.Expr, scope: Scope) -> Node:
        interval = tree.expression.find(exp.Interval) if op in "+-" else None
        if interval is not None and tree.expression.unnest() is interval:
            by = _interval(interval, scope)
            moved = fit(check(tree.this, scope), TIMESTAMP)
            if moved is None:
                scope.fail(tree, f"an interval can be added to an instant or a date: {written(tree)}")
            return Shift(operand=moved, by=by if op == "+" else -by, kind=TIMESTAMP)
        left, right = unify((check(tree.this, scope), check(tree.expression, scope)), tree, scope)
        if left.kind not in (INTEGER, NUMBER):
            fix = "days_between(a, b) tells the distance" if left.kind in (DATE, TIMESTAMP) else None
            scope.fail(tree, f"{op} takes numbers, not {left.kind.a}: {written(tree)}", fix)
        if op == "/":
            left, right = (fit(side, NUMBER) or side for side in (left, right))
        return Arith(op=op, left=left, right=right, kind=left.kind)

    return arith


def _negative(tree: exp.Expr, scope: Scope) -> Node:
    value = check(tree.this, scope)
    if isinstance(value, Const) and value.kind in (INTEGER, NUMBER):
        return replace(value, value=-value.value)
    if value.kind not in (INTEGER, NUMBER):
        scope.fail(tree, f"- takes a number, not {value.kind.a}")
    zero = Const(value=0 if value.kind == INTEGER else 0.0, kind=value.kind)
    return Arith(op="-", left=zero, right=value, kind=value.kind)


def _interval(tree: exp.Interval, scope: Scope) -> Interval:
    unit = tree.args.get("unit")
    interval = parse_interval(f"{tree.this.name} {unit.name if unit is not None else ''}")
    if interval is None:
        fix = f"write INTERVAL '3 days'; units: {', '.join(UNITS)}"
        scope.fail(tree, f"{written(tree)} is no length of time", fix)
    return interval


def _case(tree: exp.Expr, scope: Scope) -> Node:
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


OPERATORS: Grammar = {
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
    exp.Case: _case,
    exp.If: _case,
}
