"""Jinja's statements as straight-line Python: conditions, loops, names, and links checked whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from jinja2 import nodes

from render.lines import Constant, Lines, segment_of
from render.reads import Local, RefusedError, Scope, depth
from render.spelling import spelt
from render.walks import first_value, names_in


class Statements(Lines):
    """Writes the body of a template or of a block as it stands."""

    def body(self, body: Sequence[nodes.Node], scope: Scope) -> None:
        """Statements and output in order."""
        for atom in atoms_of(body):
            self.atom(atom, scope)

    def atom(self, atom: nodes.Node | str, scope: Scope) -> None:
        if isinstance(atom, str):
            self.pending.append((Constant(atom), self.segment))
            return
        writer = _STATEMENTS.get(type(atom))
        if writer is not None:
            self.segment = atom.lineno - 1  # see restoring.restore
            writer(self, atom, scope)
        elif isinstance(atom, nodes.Expr):
            self.leaf(atom, scope)
        else:
            name = type(atom).__name__.lower()
            raise RefusedError(f"{{% {name} %}} is not part of the language", line=atom.lineno)

    def _if(self, node: nodes.If, scope: Scope) -> None:
        branches: list[tuple[nodes.Node | None, list[nodes.Node]]] = [(node.test, node.body)]
        branches += [(other.test, other.body) for other in node.elif_]
        if node.else_ or self.module.record:
            branches.append((None, node.else_))
        before = frozenset(self.there)
        for position, (test, body) in enumerate(branches):
            if test is not None:
                self.segment = test.lineno - 1
                written = self.expression(test, scope)
                if position:
                    self.line(f"else:  # {position}")
                    self.indent += 1
                self.line(f"if {written}:")
            else:
                self.line("else:")
            self.indent += 1
            if self.module.record:
                what = f"if {spelt(test)}" if test is not None else _otherwise(branches)
                self.module.arms.append((what, _first_segment(body, self.segment)))
                self.line(f"arms.append({len(self.module.arms) - 1})")
            self.body(body, scope)
            self.line("pass")
            self.indent -= 1
            self.there = set(before)
        self.indent -= len(node.elif_)

    def _for(self, node: nodes.For, scope: Scope) -> None:
        if node.recursive:
            raise RefusedError("a recursive loop is not part of the language", line=node.lineno)
        counter = self.module.fresh("i")
        items = f"{counter}_all"
        inside = dict(scope)
        target = self._target(node.target, node.iter, scope, inside)
        written = self.expression(node.iter, scope)
        if node.test is not None:
            written = (
                f"[{target} for {target} in sequence({written}) if {self.expression(node.test, inside)}]"
            )
        inside["loop"] = Local(counter, loop=counter)
        self.line(f"{items} = steps({written}, left)")
        counted = any("loop" in names_in(part) for part in node.body)
        head = f"for {counter}, {target} in enumerate({items}):" if counted else f"for {target} in {items}:"
        self.line(head)
        before = frozenset(self.there)
        self.indent, self.loops = self.indent + 1, self.loops + 1
        self._anew(node.body, inside)
        self.body(node.body, inside)
        self.line("pass")
        self.there = set(before)
        self.indent, self.loops = self.indent - 1, self.loops - 1
        if node.else_:
            self.line(f"if not {items}:")
            self.indent += 1
            self.body(node.else_, dict(scope))
            self.line("pass")
            self.indent -= 1

    def _anew(self, body: Sequence[nodes.Node], inside: Scope) -> None:
        """Names that a loop sets are as they were before it at the start of each round, as Jinja has it."""
        for name in dict.fromkeys(_set_in(body)):
            old = inside.get(name)
            python = self.module.fresh(f"l_{name}_")
            self.sets.append(python)
            before = "None"
            if old is not None or name in self.module.known:
                before = self.expression(nodes.Name(name, "load"), inside)
            self.line(f"{python} = {before}")
            inside[name] = replace(old, python=python) if old else Local(python)

    def _target(self, target: nodes.Node, value: nodes.Node, scope: Scope, inside: Scope) -> str:
        if isinstance(target, nodes.Tuple):
            return (
                f"({', '.join(self._target(item, nodes.Const(0), scope, inside) for item in target.items)},)"
            )
        if not isinstance(target, nodes.Name):
            raise RefusedError("a loop binds names", line=target.lineno)
        around = depth(value, scope)
        python = self.module.fresh(f"l_{target.name}_" if target.name.isascii() else "l_")
        inside[target.name] = Local(
            python, around - 1 if around else None, listed=bool(around and around > 1)
        )
        return python

    def _with(self, node: nodes.With, scope: Scope) -> None:
        inside = dict(scope)
        for target, value in zip(node.targets, node.values, strict=True):
            self._assign(target, value, scope, inside)
        self.body(node.body, inside)

    def _set(self, node: nodes.Assign, scope: Scope) -> None:
        self._assign(node.target, node.node, scope, scope)

    def _assign(self, target: nodes.Node, value: nodes.Node, scope: Scope, inside: Scope) -> None:
        if not isinstance(target, nodes.Name):
            raise RefusedError(
                "one name is set at a time", fix="write one {% set %} each", line=target.lineno
            )
        written = self.expression(value, scope)
        old = scope.get(target.name) if inside is scope else None
        python = old.python if old and old.python in self.sets else self.module.fresh(f"l_{target.name}_")
        self.sets.append(python)
        self.line(f"{python} = {written}")
        inside[target.name] = Local(python, depth(value, scope))

    def _whole(self, node: nodes.FilterBlock, scope: Scope) -> None:
        """``{% filter _slot %}``: a slot; ``_url`` and ``_href``: a link once it is whole."""
        if node.filter.name == "_slot":
            slot = node.filter.args[0].as_const()
            self.reads.names.add("@abort")
            html = self.module.mode == "html"
            block = f"row['slot:{slot}']" if html else f"row['@mail'].slots[{slot!r}]"
            self.line(f"show[{slot!r}][{block}](row, out, uses, left, arms)")
            return
        if node.filter.name not in ("_url", "_href"):
            raise RefusedError("{% filter %} is not part of the language", line=node.lineno)
        atoms = list(atoms_of(node.body))
        only = atoms[0] if len(atoms) == 1 else None
        if node.filter.name == "_url" and isinstance(only, nodes.Filter) and only.name == "_path":
            whole = nodes.Filter(only.node, "_link", only.args, [], None, None, lineno=node.lineno)
            self.leaf(whole, scope)
            return
        self.link(node, atoms, scope)

    def link(self, node: nodes.FilterBlock, atoms: list[nodes.Node | str], scope: Scope) -> None:
        """A link that is written piece by piece, as a whole."""
        joined = self.joined(node, atoms, scope)  # which writes out what is pending
        self.pending.append((joined, self.segment))

    def joined(self, node: nodes.FilterBlock, atoms: list[nodes.Node | str], scope: Scope) -> str:
        """Write the pieces of a link; the expression that checks it, or (``_href``) makes it anew."""
        outer, name = self.out, self.module.fresh("o")
        self.line(f"{name} = []")
        self.out = name
        for atom in atoms:
            self.atom(atom, scope)
        self.flush()
        self.out = outer
        self.segment = segment_of(node.filter)
        joined = f"joined({name}, {self.module.empty})"
        if node.filter.name == "_url":
            return f"checked_url({joined})"
        if node.filter.args[1].as_const() != "click":
            return f"href({joined}, '')"
        self.reads.names.add("@click")  # of one mail, and so remembered for no other
        return f"href({joined}, row['@id'])"


def atoms_of(body: Sequence[nodes.Node]) -> Iterator[nodes.Node | str]:
    """Statements and the pieces of outputs, constant text as str, adjacent constants joined."""
    text = ""
    for node in body:
        for piece in node.nodes if isinstance(node, nodes.Output) else [node]:
            if isinstance(piece, nodes.TemplateData):
                text += piece.data
                continue
            if text:
                yield text
                text = ""
            yield piece
    if text:
        yield text


def _set_in(body: Sequence[nodes.Node]) -> Iterator[str]:
    """Names that are set in a body, but not those that an inner loop sets."""
    for node in body:
        if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            yield node.target.name
        elif not isinstance(node, (nodes.For, nodes.With)):
            yield from _set_in(list(node.iter_child_nodes()))


def _otherwise(branches: Sequence[tuple[nodes.Node | None, object]]) -> str:
    """What the last arm of an ``if`` is called: it is read far from the conditions before it."""
    tests = [spelt(test) for test, _ in branches if test is not None]
    none = f"not {', nor '.join(tests)}" if len(tests) <= 2 else f"none of {len(tests)} conditions"
    return f"otherwise ({none})"


def _first_segment(body: Sequence[nodes.Node], before: int) -> int:
    """The segment of the first value written in a body; ``before`` where it writes none."""
    value = next(filter(None, map(first_value, body)), None)
    return before if value is None else segment_of(value)


_STATEMENTS: dict[type[nodes.Node], Callable[[Statements, Any, Scope], None]] = {
    nodes.Assign: Statements._set,
    nodes.FilterBlock: Statements._whole,
    nodes.For: Statements._for,
    nodes.If: Statements._if,
    nodes.With: Statements._with,
}
