"""Values that may be missing where they are shown: an error when compiling, not a hole in somebody's mail.

A value is certain when its attribute is required or has a default, the block's front matter gives a default
or needs it, a ``fallback`` follows it, or an ``{% if %}`` around it asked for it. Everything else that is a
plain attribute of the profile is refused, and a countdown, which some day is over; members of items and of
other mappings are warned of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from jinja2 import nodes

_TAKES_MISSING = frozenset({"fallback", "default", "d"})
_COUNTDOWN = "| countdown"
_ELSE = "write else '' where nothing is to be shown"
_UNSURE = "?"
"""Ends the name that code gives to what may be missing."""
_UNHARMED = frozenset(
    {"defined", "undefined", "none", "truthy", "string", "number", "mapping", "true", "false"}
)


@dataclass(frozen=True)
class Gap:
    """A value that may be missing: its path (``first_name``, ``item.price``), its line, and whether it is an
    attribute of the profile itself."""

    path: str
    line: int
    attribute: bool
    fix: str = ""


@dataclass
class Search:
    """Walks a body and finds gaps. ``sure`` are the paths known to be there at this point."""

    attributes: frozenset[str]
    sure: frozenset[str]
    gaps: list[Gap] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)
    """Names of loops, ``with`` and ``set`` → the path of what they stand for, or their own name."""

    def body(self, body: Sequence[nodes.Node]) -> None:
        for node in body:
            self.statement(node)

    def statement(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Output):
            for shown in node.nodes:
                if not isinstance(shown, nodes.TemplateData):
                    self.used(shown)
        elif isinstance(node, nodes.If):
            self._if(node)
        elif isinstance(node, nodes.For):
            self._for(node)
        elif isinstance(node, nodes.With):
            inside = self._inner()
            for target, value in zip(node.targets, node.values, strict=True):
                inside.bind(target, value)
            inside.body(node.body)
        elif isinstance(node, nodes.Assign):
            self.bind(node.target, node.node)
        elif isinstance(node, nodes.FilterBlock):
            self.body(node.body)

    def _inner(self, more: frozenset[str] = frozenset()) -> Search:
        return Search(self.attributes, self.sure | more, self.gaps, dict(self.bound))

    def bind(self, target: nodes.Node, value: nodes.Node) -> None:
        """A name for a value; what is known of the value is known of the name."""
        if not isinstance(target, nodes.Name):
            return
        path = self.path(value) if isinstance(value, (nodes.Name, nodes.Getattr, nodes.Getitem)) else None
        if path is None:
            self.computed(value)
            trial = replace(self, gaps=[])
            if isinstance(value, (nodes.CondExpr, nodes.And, nodes.Or, nodes.Filter)):
                trial.used(value)
            path = target.name + (_UNSURE if any(gap.attribute for gap in trial.gaps) else ":")
        self.bound[target.name] = path

    def _if(self, node: nodes.If) -> None:
        denied: frozenset[str] = frozenset()
        for test, body in [(node.test, node.body), *((other.test, other.body) for other in node.elif_)]:
            self._inner(denied).asked(test)
            self._inner(denied | self.proven(test, True)).body(body)
            denied |= self.proven(test, False)
        self._inner(denied).body(node.else_)
        if _leaves(node.body) and not node.elif_:
            self.sure |= self.proven(node.test, False)

    def _for(self, node: nodes.For) -> None:
        self.used(node.iter)
        inside = self._inner()
        for name in [node.target, *node.target.find_all(nodes.Name)]:
            if isinstance(name, nodes.Name):
                inside.bound[name.name] = f"{name.name}:"
                if name is node.target:
                    inside.sure |= {f"{name.name}:"}
        inside.bound["loop"] = "loop:"
        inside.body(node.body)
        self._inner().body(node.else_)

    # -- expressions -------------------------------------------------------------------------------------
    def path(self, node: nodes.Node) -> str | None:
        """``first_name`` or ``item.price`` for what reads one value, else None. A countdown is a value of its
        own: some day it is over."""
        if isinstance(node, nodes.Name):
            return self.bound.get(node.name, node.name)
        if isinstance(node, nodes.Getattr):
            owner = self.path(node.node)
            return owner and f"{owner}.{node.attr}"
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            owner = self.path(node.node)
            return owner and f"{owner}.{node.arg.value}"
        if isinstance(node, nodes.Filter) and node.name == "countdown" and node.node is not None:
            return f"{self.path(node.node) or 'this'}.{_COUNTDOWN}"
        return None

    def computed(self, node: nodes.Node) -> None:
        """An expression whose value may be missing, though nothing may that it is computed with."""
        match node:
            case nodes.CondExpr(test=test, expr1=then, expr2=other):
                self.asked(test)
                self._inner(self.proven(test, True)).computed(then)
                if other is not None:
                    self._inner(self.proven(test, False)).computed(other)
            case nodes.And() | nodes.Or():
                self.computed(node.left)
                self._inner(self.proven(node.left, isinstance(node, nodes.And))).computed(node.right)
            case nodes.List() | nodes.Tuple() | nodes.Dict() | nodes.Pair():
                for child in node.iter_child_nodes():
                    self.computed(child)
            case nodes.Filter(name=name) if name in _TAKES_MISSING:
                for argument in node.args:
                    self.computed(argument)
            case nodes.Call(node=nodes.Name(name="item")):
                pass  # of what is not there it is missing
            case _ if self.path(node) is None:
                self.used(node)

    def used(self, node: nodes.Node) -> None:
        """An expression whose value is shown or computed with: nothing in it may be missing."""
        if (path := self.path(node)) is not None:
            self._need(path, node.lineno)
        elif isinstance(node, nodes.Filter) and node.name in _TAKES_MISSING:
            for argument in node.args:
                self.used(argument)
        elif isinstance(node, nodes.CondExpr):
            self.asked(node.test)
            self._inner(self.proven(node.test, True)).used(node.expr1)
            if node.expr2 is not None:
                self._inner(self.proven(node.test, False)).used(node.expr2)
            else:
                self.gaps.append(Gap("what an if without else shows", node.lineno, True, _ELSE))
        elif isinstance(node, (nodes.And, nodes.Or)):
            (self.used if isinstance(node, nodes.And) else self.computed)(node.left)
            self._inner(self.proven(node.left, isinstance(node, nodes.And))).used(node.right)
        elif isinstance(node, (nodes.Compare, nodes.Not, nodes.Test)):
            self.asked(node)
        elif isinstance(node, nodes.Call) and getattr(node.node, "name", "") == "recommend":
            return  # of what is not there nothing is asked, and the list is empty
        elif isinstance(node, nodes.Call):
            for given in (*node.args, *(pair.value for pair in node.kwargs)):
                self.used(given)
        else:
            for child in node.iter_child_nodes():
                if isinstance(child, nodes.Expr):
                    self.used(child)
                elif isinstance(child, nodes.Keyword):
                    self.used(child.value)

    def asked(self, node: nodes.Node) -> None:
        """An expression that is only true or false: a plain value may be missing, a comparison may not."""
        if self.path(node) is not None:
            return
        if isinstance(node, nodes.Not):
            self.asked(node.node)
        elif isinstance(node, (nodes.And, nodes.Or)):
            self.asked(node.left)
            self._inner(self.proven(node.left, isinstance(node, nodes.And))).asked(node.right)
        elif isinstance(node, nodes.Test) and node.name in _UNHARMED:
            self.asked(node.node)
        elif isinstance(node, nodes.Compare) and all(operand.op in ("eq", "ne") for operand in node.ops):
            for side in (node.expr, *(operand.expr for operand in node.ops)):
                self.asked(side)
        else:
            for child in [node] if isinstance(node, nodes.Call) else _operands(node):
                self.used(child)

    def proven(self, node: nodes.Node, outcome: bool) -> frozenset[str]:
        """The paths that are there when the condition comes to ``outcome``."""
        if (path := self.path(node)) is not None:
            return frozenset(_prefixes(path)) if outcome else frozenset()
        if isinstance(node, nodes.Not):
            return self.proven(node.node, not outcome)
        if isinstance(node, (nodes.And, nodes.Or)):
            left, right = self.proven(node.left, outcome), self.proven(node.right, outcome)
            return left | right if isinstance(node, nodes.And) is outcome else left & right
        if isinstance(node, nodes.Test) and (path := self.path(node.node)) is not None:
            holds = {"defined": True, "string": True, "number": True, "undefined": False, "none": False}
            return frozenset(_prefixes(path)) if holds.get(node.name) is outcome else frozenset()
        if isinstance(node, nodes.Compare) and outcome and node.ops[0].op != "ne":
            sides = [node.expr, *(operand.expr for operand in node.ops)]
            known = [self.path(side) for side in sides if not isinstance(side, nodes.Const)]
            return frozenset(prefix for path in known if path for prefix in _prefixes(path))
        if isinstance(node, nodes.Filter) and node.name in ("length", "count") and node.node is not None:
            return self.proven(node.node, outcome) if outcome else frozenset()
        return frozenset()

    def _need(self, path: str, line: int) -> None:
        root = path.split(".", 1)[0]
        owner, _, last = path.rpartition(".")
        over = last == _COUNTDOWN
        if path in self.sure or path.endswith(":") or (last.isdigit() and owner in self.sure):
            return  # what was asked for as a whole is not empty
        if root in ("brand", "theme", "campaign", "loop:") and not over:
            return
        if path.endswith((".item_id", ".title", ".source")) and root != "cart":
            return
        shown = path.replace(":", "").replace(_UNSURE, "").replace(f".{_COUNTDOWN}", f" {_COUNTDOWN}")
        self.gaps.append(Gap(shown, line, over or path in self.attributes or last.endswith(_UNSURE)))


def _operands(node: nodes.Node) -> list[nodes.Node]:
    found = [child.expr if isinstance(child, nodes.Operand) else child for child in node.iter_child_nodes()]
    return [child for child in found if isinstance(child, nodes.Expr)]


def _prefixes(path: str) -> Iterator[str]:
    return accumulate(path.split("."), "{}.{}".format)


def _leaves(body: Sequence[nodes.Node]) -> bool:
    """Whether a body ends in ``abort``: what follows it knows that the condition did not hold."""
    return any(
        isinstance(call.node, nodes.Name) and call.node.name == "abort"
        for node in body
        for call in node.find_all(nodes.Call)
    )


def find_gaps(body: Sequence[nodes.Node], *, attributes: frozenset[str], sure: frozenset[str]) -> list[Gap]:
    """The values of a body that may be missing where they are needed, in order."""
    search = Search(attributes, sure)
    search.body(body)
    return search.gaps
