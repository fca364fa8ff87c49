"""Members that no value can have: a misspelt field of a declared object or item is refused where it is.

A name that the code itself binds (the round of a loop, a card's item, a macro's value) may stand for
something else where the same card, macro or partial is used again; there only what nothing has is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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
    anywhere = {name for kind in kinds.values() if kind is not None for name in _fields(kind)}
    _Scope(kinds, frozenset(anywhere), frozenset()).walk(body)


class _Scope:
    """The names at one place of a body, and the kinds of their values."""

    def __init__(self, kinds: Kinds, anywhere: frozenset[str], bound: frozenset[str]) -> None:
        self.kinds = dict(kinds)
        self.anywhere = anywhere
        """The members that some object has."""
        self.bound = bound
        """Names that the code binds."""

    def _inner(self) -> _Scope:
        return _Scope(self.kinds, self.anywhere, self.bound)

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
                inside = self._inner()
                for target, value in zip(targets, values, strict=True):
                    inside._bind(target, self.kind(value))
                inside.walk(body)
            case nodes.For():
                inside = self._inner()
                inside._bind(node.target, _element(self.kind(node.iter)))
                inside.kinds["loop"] = None
                inside.walk([*([node.test] if node.test else []), *node.body])
                self._inner().walk(node.else_)
            case nodes.If():
                self._branches(node)
            case _:
                self.walk(list(node.iter_child_nodes()))

    def _bind(self, target: nodes.Node, kind: Kind | None) -> None:
        if isinstance(target, nodes.Name):
            self.kinds[target.name] = kind
            self.bound |= {target.name}
        for name in target.find_all(nodes.Name):
            self.kinds[name.name] = None

    def _branches(self, node: nodes.If) -> None:
        """A name that the branches set to values of different kinds may be anything afterwards."""
        ends: list[_Scope] = []
        for test, body in ((node.test, node.body), *((each.test, each.body) for each in node.elif_)):
            self.visit(test)
            inside = self._inner()
            inside.walk(body)
            ends.append(inside)
        last = self._inner()
        last.walk(node.else_)
        self.bound = self.bound.union(last.bound, *(end.bound for end in ends))
        for name in {name for end in (*ends, last) for name in end.kinds}:
            found = last.kinds.get(name)
            self.kinds[name] = found if all(end.kinds.get(name) == found for end in ends) else None

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
            return None if whole and whole.name == "object" else whole
        if node.name in _FALLBACK:
            instead = [*node.args, *named.values()]
            return whole if given == [whole] or all(map(_empty, instead)) else None
        if node.name == "batch" and whole is not None:
            return Kind("list", whole)
        return Kind("list", member) if node.name == "map" and member is not None else None

    def _member(
        self, owner: nodes.Node, kind: Kind | None, key: str | int, line: int, shown: str = ""
    ) -> Kind | None:
        """The kind of a member. Raises RefusedError where there cannot be one of that name."""
        if kind is None:
            return None
        other = self._stands_for_more(owner) and (isinstance(key, int) or key in self.anywhere)
        if isinstance(key, int):
            if kind.name in ("list", "string"):
                return _element(kind)
        elif kind.name == "object":
            if key in kind.fields:
                return kind.fields[key]
            if other:
                return None
            fix = did_you_mean(key, kind.fields)
            raise RefusedError(f"there is no {key!r} in {shown or spelt(owner)}", fix=fix, line=line)
        if other:
            return None
        fix = "loop over it, or take one: | first" if kind.name == "list" else "write it without members"
        raise RefusedError(f"{shown or spelt(owner)} is {kind.a} and has no {key!r}", fix=fix, line=line)

    def _stands_for_more(self, owner: nodes.Node | None) -> bool:
        """Whether a value comes of a name that the code binds."""
        while isinstance(owner, (nodes.Getattr, nodes.Getitem, nodes.Filter)):
            owner = owner.node
        return isinstance(owner, nodes.Name) and owner.name in self.bound


def _fields(kind: Kind) -> Iterator[str]:
    yield from kind.fields
    for inner in (kind.element, *kind.fields.values()):
        if inner is not None:
            yield from _fields(inner)


def _empty(node: nodes.Node) -> bool:
    """Whether what stands instead has no members: ``''``, ``[]``."""
    return isinstance(node, nodes.Const) or (isinstance(node, (nodes.List, nodes.Dict)) and not node.items)


def _element(kind: Kind | None) -> Kind | None:
    if kind is not None and kind.name == "string":
        return kind
    return kind.element if kind is not None else None
