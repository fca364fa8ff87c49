"""Jinja's expressions written as Python: a closed language, each construct allowed by name.

What the table ``_WRITERS`` does not hold does not exist: no attribute of an object, no method, no call but
those of ``FUNCTIONS``. That is the sandbox.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from mailwright.errors import did_you_mean
from render.asked import read_ask
from render.clock import CLOCK_FILTERS
from render.filters import FILTERS, TESTS
from render.formats import LOCAL_FILTERS
from render.reads import Local, Reads, RefusedError

FUNCTIONS = ("item", "recommend", "segment", "t", "abort", "range", "asset")
LOOP = ("index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem")
_COMPARE = {
    "eq": "==",
    "ne": "!=",
    "gt": ">",
    "gteq": ">=",
    "lt": "<",
    "lteq": "<=",
    "in": "in",
    "notin": "not in",
}


_LOOKS = frozenset({"in", "notin"})


@dataclass
class Writer:
    """Writes one expression; ``reads`` afterwards holds what it looks at."""

    known: frozenset[str]
    scope: dict[str, Local] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    """Fields of catalogue items: the same for everyone who is shown the item."""
    defaults: dict[str, Any] = field(default_factory=dict)
    asset: Callable[[str], str] | None = None
    """A local file of the workspace → its published link."""
    note: Callable[[nodes.Filter], int] | None = None
    """Numbers a use of ``fallback``; None where uses are not recorded."""
    reads: Reads = field(default_factory=Reads)

    def write(self, node: nodes.Node) -> str:
        writer = _WRITERS.get(type(node))
        if writer is None:
            name = type(node).__name__
            raise RefusedError(
                f"{name} is not part of the language", fix="see docs/rendering.md", line=node.lineno
            )
        return str(writer(self, node))

    def name(self, node: nodes.Name) -> str:
        local = self.scope.get(node.name)
        if local is not None:
            self.reads.locals.add(local.python)
            return local.python
        if node.name not in self.known:
            plain = {name for name in self.known if ":" not in name}
            fix = did_you_mean(node.name, {*plain, *self.scope})
            raise RefusedError(f"there is no {node.name!r} here", fix=fix, line=node.lineno)
        self.reads.names.add(node.name)
        if node.name in self.defaults:
            return f"fallback(row[{node.name!r}], {self.defaults[node.name]!r})"
        return f"row[{node.name!r}]"

    def getattr(self, node: nodes.Getattr) -> str:
        return self._member(node, node.node, node.attr, repr(node.attr))

    def getitem(self, node: nodes.Getitem) -> str:
        if isinstance(node.arg, nodes.Slice):
            bounds = [
                self.write(b) if b is not None else "None"
                for b in (node.arg.start, node.arg.stop, node.arg.step)
            ]
            return f"part({self.write(node.node)}, {', '.join(bounds)})"
        key = node.arg.value if isinstance(node.arg, nodes.Const) else None
        return self._member(node, node.node, key, self.write(node.arg))

    def _member(self, node: nodes.Node, owner: nodes.Expr, key: Any, written: str) -> str:
        if isinstance(key, str) and key.startswith("__"):
            raise RefusedError(f"{key!r} cannot be read", fix="only data have members", line=node.lineno)
        listed = False
        if isinstance(owner, nodes.Name) and owner.name in self.scope:
            local = self.scope[owner.name]
            listed = local.listed
            if local.loop is not None:
                return self._loop(local, str(key), node.lineno)
            if local.depth == 0 and isinstance(key, str):
                (self.reads.items if key in self.fields else self.reads.locals).add(local.python)
                return f"({local.python} and {local.python}.get({key!r}))"
        whole = self.write(owner)
        if type(key) is int and key >= 0 and listed and whole.isidentifier():
            return f"({whole}[{key}] if len({whole}) > {key} else None)"
        return f"get({whole}, {written})"

    def _loop(self, local: Local, key: str, line: int) -> str:
        index, total, items = f"{local.loop}", f"len({local.loop}_all)", f"{local.loop}_all"
        self.reads.locals.add(f"{local.loop}")
        forms = {
            "index": f"({index} + 1)",
            "index0": index,
            "first": f"({index} == 0)",
            "last": f"({index} + 1 == {total})",
            "length": total,
            "revindex": f"({total} - {index})",
            "revindex0": f"({total} - {index} - 1)",
            "previtem": f"(get({items}, {index} - 1) if {index} else None)",
            "nextitem": f"get({items}, {index} + 1)",
        }
        if key not in forms:
            raise RefusedError(f"loop has no {key!r}", fix=did_you_mean(key, forms), line=line)
        return forms[key]

    def call(self, node: nodes.Call) -> str:
        line = node.lineno
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise RefusedError("* and ** are not part of the language", fix="write each value", line=line)
        if isinstance(node.node, nodes.Getattr):
            owner = node.node.node
            local = self.scope.get(owner.name) if isinstance(owner, nodes.Name) else None
            if local and local.loop and node.node.attr == "cycle":
                self.reads.locals.add(f"{local.loop}")
                return f"cycle({local.loop}, [{', '.join(map(self.write, node.args))}])"
            raise RefusedError("values have no methods", fix=f"use a filter: | {node.node.attr}", line=line)
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        if name not in FUNCTIONS or (name in self.scope):
            known = did_you_mean(name, FUNCTIONS)
            raise RefusedError(f"{name or 'this'} cannot be called", fix=known, line=line)
        return str(getattr(self, f"_call_{name}")(node))

    def _call_item(self, node: nodes.Call) -> str:
        return f"item({self._only(node)})"

    def _call_recommend(self, node: nodes.Call) -> str:
        column = read_ask(node, self.known).column
        self.reads.names.add(column)
        return f"row[{column!r}]"

    def _call_abort(self, node: nodes.Call) -> str:
        self.reads.names.add("@abort")
        return f"abort({self._only(node)})"

    def _call_range(self, node: nodes.Call) -> str:
        return f"numbers({', '.join(map(self.write, node.args))})"

    def _call_asset(self, node: nodes.Call) -> str:
        value = node.args[0].value if len(node.args) == 1 and isinstance(node.args[0], nodes.Const) else None
        if isinstance(value, str) and self.asset is not None:
            return repr(self.asset(value))
        raise RefusedError(
            "asset() takes one file name in quotes", fix="asset('images/logo.png')", line=node.lineno
        )

    def _call_segment(self, node: nodes.Call) -> str:
        value = node.args[0].value if len(node.args) == 1 and isinstance(node.args[0], nodes.Const) else None
        column = f"segment:{value}"
        if column not in self.known:
            names = [name.removeprefix("segment:") for name in self.known if name.startswith("segment:")]
            fix = did_you_mean(str(value), names) or "write it in segments.yaml"
            raise RefusedError(f"there is no segment {value!r}", fix=fix, line=node.lineno)
        self.reads.names.add(column)
        return f"(row[{column!r}] is True)"

    def _call_t(self, node: nodes.Call) -> str:
        self.reads.names.add("locale")
        values = "".join(f", {pair.key}={self.write(pair.value)}" for pair in node.kwargs)
        return f"t({self._only(node)}, locale=row['locale']{values})"

    def _only(self, node: nodes.Call) -> str:
        if len(node.args) != 1:
            raise RefusedError(
                "this function takes one value", fix="write it between the brackets", line=node.lineno
            )
        return self.write(node.args[0])

    def filter(self, node: nodes.Filter) -> str:
        known = {*FILTERS, *LOCAL_FILTERS, *CLOCK_FILTERS}
        if node.name not in known or node.node is None:
            fix = "everything is escaped where it stands" if node.name in ("safe", "e", "escape") else None
            fix = fix or did_you_mean(node.name, known)
            raise RefusedError(f"there is no filter {node.name!r}", fix=fix, line=node.lineno)
        arguments = [self.write(node.node), *map(self.write, node.args)]
        arguments += [f"{pair.key}={self.write(pair.value)}" for pair in node.kwargs]
        if node.name in CLOCK_FILTERS:
            self.reads.names.add("now")
        if node.name in LOCAL_FILTERS:
            self.reads.names.add("locale")
            arguments.append("locale=row['locale']")
        if node.name in ("fallback", "default", "d") and self.note is not None:
            self.reads.fallbacks = True
            instead = arguments[1] if len(arguments) > 1 else "''"
            return f"noted({arguments[0]}, {instead}, uses, {self.note(node)})"
        return f"f_{node.name}({', '.join(arguments)})"

    def test(self, node: nodes.Test) -> str:
        if node.name not in TESTS:
            fix = did_you_mean(node.name, TESTS)
            raise RefusedError(f"there is no test {node.name!r}", fix=fix, line=node.lineno)
        if node.name in ("defined", "undefined") and isinstance(node.node, nodes.Name):
            return f"({self.name(node.node)} is {'not ' * (node.name == 'defined')}None)"
        return f"is_{node.name}({', '.join(map(self.write, [node.node, *(node.args or [])]))})"

    def compare(self, node: nodes.Compare) -> str:
        parts = [self.write(node.expr)]
        for operand in node.ops:
            written = self.write(operand.expr)
            parts += [_COMPARE[operand.op], f"counted({written})" if operand.op in _LOOKS else written]
        return f"({' '.join(parts)})"

    def conditional(self, node: nodes.CondExpr) -> str:
        other = self.write(node.expr2) if node.expr2 is not None else "None"
        return f"({self.write(node.expr1)} if {self.write(node.test)} else {other})"

    def constant(self, node: nodes.Const) -> str:
        return repr(node.value)

    def list(self, node: nodes.List | nodes.Tuple) -> str:
        made = f"[{', '.join(map(self.write, node.items))}]"
        return made if all(isinstance(item, nodes.Const) for item in node.items) else f"literal({made})"

    def dict(self, node: nodes.Dict) -> str:
        pairs = [f"{self.write(pair.key)}: {self.write(pair.value)}" for pair in node.items]
        return f"literal({{{', '.join(pairs)}}})"

    def concat(self, node: nodes.Concat) -> str:
        return f"concat({', '.join(map(self.write, node.nodes))})"

    def negate(self, node: nodes.Not) -> str:
        return f"(not {self.write(node.node)})"


def _binary(form: str) -> Callable[[Writer, Any], str]:
    return lambda writer, node: form.format(writer.write(node.left), writer.write(node.right))


def _unary(form: str) -> Callable[[Writer, Any], str]:
    return lambda writer, node: form.format(writer.write(node.node))


_WRITERS: dict[type[nodes.Node], Callable[[Writer, Any], str]] = {
    nodes.Add: _binary("add({}, {})"),
    nodes.And: _binary("({} and {})"),
    nodes.Call: Writer.call,
    nodes.Compare: Writer.compare,
    nodes.Concat: Writer.concat,
    nodes.CondExpr: Writer.conditional,
    nodes.Const: Writer.constant,
    nodes.Dict: Writer.dict,
    nodes.Div: _binary("(number({}) / number({}))"),
    nodes.Filter: Writer.filter,
    nodes.FloorDiv: _binary("(number({}) // number({}))"),
    nodes.Getattr: Writer.getattr,
    nodes.Getitem: Writer.getitem,
    nodes.List: Writer.list,
    nodes.Mod: _binary("(number({}) % number({}))"),
    nodes.Mul: _binary("(number({}) * number({}))"),
    nodes.Name: Writer.name,
    nodes.Neg: _unary("(-number({}))"),
    nodes.Not: Writer.negate,
    nodes.Or: _binary("({} or {})"),
    nodes.Pos: _unary("(+number({}))"),
    nodes.Pow: _binary("power({}, {})"),
    nodes.Sub: _binary("(number({}) - number({}))"),
    nodes.Test: Writer.test,
    nodes.Tuple: Writer.list,
}
