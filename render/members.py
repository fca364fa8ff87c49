"""Members that no value can have: a misspelt field of a declared object or item is refused where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import nodes

from mailwright.errors import did_you_mean
from render.reads import RefusedError
from render.spelling import spelt
from rules.kind import Kind

Kinds = Mapping[str, Kind | None]
"""Name → the kind of its value; None or absent: anything."""

_ELEMENT = frozenset({"first", "last", "max", "min"})
_SAME = frozenset({"list", "rejectattr", "reverse", "selectattr", "sort", "unique"})
_FALLBACK = frozenset({"d", "default", "fallback"})
_ATTRIBUTE = {"join": 1, "max": 0, "min": 0, "rejectattr": 0, "selectattr": 0, "sort": 2, "sum": 0}
"""Filters that take the path of a member in quotes, and where it stands when it is not given by name."""


def check_members(body: Sequence[nodes.Node], kinds: Kinds) -> None:
    """Raises RefusedError for a member that the declared kind of its owner does not have."""
    _Scope(kinds).walk(body)


class _Scope:
    """The names at one place of a body, and the kinds of their values."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = dict(kinds)

    def walk(self, body: Sequence[nodes.Node]) -> None:
        for node in body:
            self.visit(node)

    def visit(self, node: nodes.Node) -> None:
        match node:
            case nodes.Expr():
                self.kind(node)
            case nodes.Assign(target=target, node=value):
                self._bind(target, self.kind(value))
            case nodes.With(targets=targets, values=values, body=body):
                inside = _Scope(self.kinds)
                for target, value in zip(targets, values, strict=True):
                    inside._bind(target, self.kind(value))
                inside.walk(body)
            case nodes.For():
                inside = _Scope(self.kinds)
                inside._bind(node.target, _element(self.kind(node.iter)))
                inside.kinds["loop"] = None
                inside.walk([*([node.test] if node.test else []), *node.body])
                _Scope(self.kinds).walk(node.else_)
            case nodes.If():
                self._branches(node)
            case _:
                self.walk(list(node.iter_child_nodes()))

    def _bind(self, target: nodes.Node, kind: Kind | None) -> None:
        if isinstance(target, nodes.Name):
            self.kinds[target.name] = kind
        for name in target.find_all(nodes.Name):
            self.kinds[name.name] = None

    def _branches(self, node: nodes.If) -> None:
        """A name that the branches set to values of different kinds may be anything afterwards."""
        ends: list[dict[str, Kind | None]] = []
        for test, body in ((node.test, node.body), *((each.test, each.body) for each in node.elif_)):
            self.visit(test)
            inside = _Scope(self.kinds)
            inside.walk(body)
            ends.append(inside.kinds)
        last = _Scope(self.kinds)
        last.walk(node.else_)
        names = {name for end in (*ends, last.kinds) for name in end}
        for name in names:
            found = last.kinds.get(name)
            self.kinds[name] = found if all(end.get(name) == found for end in ends) else None

    def kind(self, node: nodes.Node) -> Kind | None:
        """The kind of an expression's value, every member in it checked."""
        match node:
            case nodes.Name(name=name):
                return self.kinds.get(name)
            case nodes.Getattr(node=owner, attr=key):
                return self._member(owner, self.kind(owner), key, node.lineno)
            case nodes.Getitem(node=owner, arg=nodes.Const(value=str() | int() as key)):
                return self._member(owner, self.kind(owner), key, node.lineno)
            case nodes.Getitem(node=owner, arg=arg):
                self.visit(arg)
                whole = self.kind(owner)
                return whole if isinstance(arg, nodes.Slice) else _element(whole)
            case nodes.Filter(node=nodes.Expr()):
                return self._filtered(node)
            case nodes.Call(node=nodes.Name(name="item" | "recommend" as name)):
                self.walk([*node.args, *node.kwargs])
                items = self.kinds.get("recommendations")
                return items if name == "recommend" else _element(items)
            case _:
                self.walk(list(node.iter_child_nodes()))
                return None

    def _filtered(self, node: nodes.Filter) -> Kind | None:
        assert node.node is not None
        whole = self.kind(node.node)
        given = [self.kind(argument) for argument in node.args]
        self.walk(node.kwargs)
        named = {str(pair.key): pair.value for pair in node.kwargs}
        place = _ATTRIBUTE.get(node.name, len(node.args))
        path = named.get("attribute", node.args[place] if place < len(node.args) else None)
        member = None
        if isinstance(path, nodes.Const) and path.value is not None:
            member = _element(whole)
            for key in str(path.value).split("."):
                step = int(key) if key.isdigit() else key
                member = self._member(node, member, step, node.lineno, f"an element of {spelt(node.node)}")
        if node.name in _ELEMENT:
            return _element(whole)
        if node.name in _SAME:
            return whole
        if node.name in _FALLBACK:
            return whole if given in ([], [None], [whole]) else None
        if node.name == "batch" and whole is not None:
            return Kind("list", whole)
        return Kind("list", member) if node.name == "map" and member is not None else None

    def _member(
        self, owner: nodes.Node, kind: Kind | None, key: str | int, line: int, shown: str = ""
    ) -> Kind | None:
        """The kind of a member. Raises RefusedError where there cannot be one of that name."""
        if kind is None:
            return None
        if isinstance(key, int):
            if kind.name in ("list", "string"):
                return _element(kind)
        elif kind.name == "object":
            if key in kind.fields:
                return kind.fields[key]
            fix = did_you_mean(key, kind.fields)
            raise RefusedError(f"there is no {key!r} in {shown or spelt(owner)}", fix=fix, line=line)
        fix = "loop over it, or take one: | first" if kind.name == "list" else "write it without members"
        raise RefusedError(f"{shown or spelt(owner)} is {kind.a} and has no {key!r}", fix=fix, line=line)


def _element(kind: Kind | None) -> Kind | None:
    if kind is not None and kind.name == "string":
        return kind
    return kind.element if kind is not None else None
