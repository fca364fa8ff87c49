"""Jinja's statements written as straight-line Python that appends constant bytes and leaves to a list.

The one mechanism of speed: a run of output that reads nothing but one catalogue item, the locale and what
all mails share becomes a function of the item's id and the locale, remembered in a bounded LRU. A product
card is made once per item, a block of translated text once per language; what belongs to one recipient
stays a leaf between such runs. docs/rendering.md shows the code of a card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jinja2 import nodes

from render.expressions import Writer
from render.leaf import WHOLE, is_short, same_value
from render.pymodule import Module
from render.reads import Local, Reads, RefusedError, depth
from render.spelling import spelt

SHARED = frozenset({"brand", "campaign", "now", "locale"})
"""Names whose value is the same in all mails of a run (the locale is part of every key)."""
BARRIERS = frozenset({"@abort", "@set"})
"""Marks of atoms that cannot change places with others: an abort, a slot, an assignment."""
ENCODERS = frozenset({"_html", "_path", "_query", "_css", "_link"})
Scope = dict[str, Local]


@dataclass(frozen=True)
class Constant:
    """Constant text that waits to be appended; neighbours become one piece."""

    text: str


@dataclass
class Part:
    """Writes one function: the body of a template or of a block."""

    module: Module
    defaults: dict[str, Any] = field(default_factory=dict)
    out: str = "out"
    indent: int = 1
    reads: Reads = field(default_factory=Reads)
    lines: list[tuple[str, int]] = field(default_factory=list)
    pending: list[tuple[str | Constant, int]] = field(default_factory=list)
    hoisted: dict[str, str] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    """Hoisted values that this point cannot be reached without."""
    sets: list[str] = field(default_factory=list)
    loops: int = 0
    remember: bool = True
    whole: bool = False
    """Whether what is written now is part of one leaf."""
    segment: int = 0

    # -- expressions -------------------------------------------------------------------------------------
    def expression(self, node: nodes.Node, scope: Scope) -> str:
        written, reads = self._written(node, scope)
        self.reads.update(reads)
        return written

    def _written(self, node: nodes.Node, scope: Scope) -> tuple[str, Reads]:
        writer = Writer(
            self.module.known, scope, self.module.fields, self.defaults, self.module.asset, self._note
        )
        return writer.write(node), writer.reads

    def _note(self, node: nodes.Filter) -> int:
        expression = node.node.name if isinstance(node.node, nodes.Name) else spelt(node.node)
        entry = (expression, self.segment)
        if entry not in self.module.fallbacks:
            self.module.fallbacks.append(entry)
        return self.module.fallbacks.index(entry)

    # -- lines -------------------------------------------------------------------------------------------
    def line(self, text: str) -> None:
        self.flush()
        self.lines.append(("    " * self.indent + text, self.segment))

    def flush(self) -> None:
        """Append what is pending to the output in one step; each leaf on its own line, for its location."""
        pieces: list[tuple[str, int]] = []
        constant = ""
        for piece, segment in [*self.pending, (None, -1)]:
            if isinstance(piece, Constant):
                constant += piece.text
                continue
            if constant:
                pieces.append((self.module.constant(constant), self.segment))
                constant = ""
            if piece is not None:
                pieces.append((piece, segment))
        self.pending = []
        pad = "    " * self.indent
        if len(pieces) == 1:
            self.lines.append((f"{pad}{self.out}.append({pieces[0][0]})", pieces[0][1]))
        elif pieces:
            self.lines.append((f"{pad}{self.out} += (", pieces[0][1]))
            self.lines += [(f"{pad}    {text},", segment) for text, segment in pieces]
            self.lines.append((f"{pad})", pieces[0][1]))

    # -- bodies ------------------------------------------------------------------------------------------
    def body(self, body: Sequence[nodes.Node], scope: Scope) -> None:
        """Statements in order; runs that nothing personal enters become remembered functions."""
        atoms = list(_atoms(body))
        whole: Iterable[tuple[str | None, list[Any]]] = [(None, atoms)]
        plain = self.module.record or self.module.holes
        for key, group in self._groups(atoms, scope) if self.remember and not plain else whole:
            if key is None:
                for atom in group:
                    self.atom(atom, scope)
            else:
                self._remembered(key, group, scope)

    def atom(self, atom: nodes.Node | str, scope: Scope) -> None:
        if isinstance(atom, str):
            self.pending.append((Constant(atom), self.segment))
            return
        writer = _STATEMENTS.get(type(atom))
        if writer is not None:
            writer(self, atom, scope)
        elif isinstance(atom, nodes.Expr):
            self._leaf(atom, scope)
        else:
            name = type(atom).__name__.lower()
            raise RefusedError(f"{{% {name} %}} is not part of the language", line=atom.lineno)

    def _leaf(self, node: nodes.Expr, scope: Scope) -> None:
        """One escaped value. Inside a loop, a value that the loop does not change is computed once."""
        if isinstance(node, nodes.Filter) and node.name in ENCODERS and node.node is not None:
            self.segment = _segment(node)
            written, reads = self._written(node.node, scope)
            escaped = f"e{node.name}[{written}]"
        else:
            raise RefusedError("an output without its escape", line=node.lineno)
        self.reads.update(reads)
        if self.module.holes:
            self.pending.append((self._marked(escaped, reads), self.segment))
            return
        if self.loops and not (reads.locals or reads.items or "@abort" in reads.names):
            name = self.hoisted.setdefault(escaped, f"h{len(self.hoisted)}")
            if name not in self.there:
                self.lines.append(
                    (f"{'    ' * self.indent}if {name} is None: {name} = {escaped}", self.segment)
                )
                self.there.add(name)
            escaped = name
        self.pending.append((escaped, self.segment))

    def _marked(self, escaped: str, reads: Reads) -> str:
        """A value as a leaf of its mail's skeleton; plain where the mails of one locale share it, and inside
        of what is a leaf as a whole."""
        if self.whole or (_is_shared(reads) and not reads.items):
            return escaped
        owners = "".join(f", {name}" for name in sorted(reads.items | reads.locals))
        return f"leaf({escaped}, {same_value(escaped)!r}{owners})"

    def _as_leaf(self, node: nodes.If | nodes.For, scope: Scope) -> bool:
        """Write a short statement that goes another way for another recipient as one leaf: mails then differ
        in a value rather than in what they share. False where it is long, or fills a slot."""
        if not self.module.holes or self.whole or not is_short(node):
            return False
        decides = [node.iter] if isinstance(node, nodes.For) else [node.test, *(n.test for n in node.elif_)]
        facts = [self._written(test, scope)[1] for test in decides]
        if all(_is_shared(fact) and not fact.items for fact in facts):
            return False
        outer, name = self.out, self.module.fresh("o")
        self.line(f"{name} = []")
        self.out, self.whole = name, True
        self.atom(node, scope)
        self.flush()
        self.out, self.whole = outer, False
        self.pending.append((f"leaf({self.module.empty}.join({name}), {WHOLE!r})", self.segment))
        return True

    # -- remembered runs ---------------------------------------------------------------------------------
    def _groups(self, atoms: list[nodes.Node | str], scope: Scope) -> Iterable[tuple[str | None, list[Any]]]:
        """Cut at what must happen in its place; each group is (key, atoms): the Python name of the item that
        its runs read, '' when they read none, None when there is nothing to remember."""
        chunk: list[nodes.Node | str] = []
        known: list[Reads] = []
        for atom in atoms:
            fact = self._facts(atom, scope)
            if not fact.names & BARRIERS:
                chunk.append(atom)
                known.append(fact)
                continue
            if chunk:
                yield self._dominant(chunk, known), chunk
            yield None, [atom]  # written before the next atom is looked at, which may name what it sets
            chunk, known = [], []
        if chunk:
            yield self._dominant(chunk, known), chunk

    def _dominant(self, atoms: list[nodes.Node | str], facts: list[Reads]) -> str | None:
        """The item that most atoms read; '' when they read only what is shared, None for no gain."""
        shareable = [fact for atom, fact in zip(atoms, facts, strict=True) if not isinstance(atom, str)]
        shareable = [fact for fact in shareable if _is_shared(fact) and len(fact.items) < 2]
        votes = [item for fact in shareable for item in fact.items]
        if votes:
            return max(sorted(set(votes)), key=votes.count)
        return "" if shareable else None

    def _facts(self, atom: nodes.Node | str, scope: Scope) -> Reads:
        """What an atom reads, found by writing it once for nothing."""
        if isinstance(atom, str):
            return Reads()
        draft = Part(self.module, self.defaults, remember=False, loops=self.loops, segment=self.segment)
        arms, count = len(self.module.arms), self.module.count
        draft.atom(atom, dict(scope))
        del self.module.arms[arms:]
        self.module.count = count
        if isinstance(atom, nodes.Assign) or any(True for _ in atom.find_all(nodes.Assign)):
            draft.reads.names.add("@set")
        inner = {name for name in draft.reads.locals | draft.reads.items if name not in _pythons(scope)}
        draft.reads.locals -= inner
        draft.reads.items -= inner
        return draft.reads

    def _remembered(self, key: str, atoms: list[nodes.Node | str], scope: Scope) -> None:
        facts = [self._facts(atom, scope) for atom in atoms]
        fits = [_is_shared(fact) and fact.items <= {key} for fact in facts]
        runs: list[tuple[bool, list[Any]]] = []
        for atom, fit in zip(atoms, fits, strict=True):
            if not runs or runs[-1][0] != fit:
                runs.append((fit, []))
            runs[-1][1].append(atom)
        remembered = [run for fit, run in runs if fit and any(not isinstance(atom, str) for atom in run)]
        name, noted, local = self._function(key, remembered, scope)
        given = [f"{key}['item_id'] if {key} else None"] if key else []
        given += ["row['locale']"] if local else []
        made = self.module.fresh("r")
        self.line(f"{made} = {name}({', '.join(given)})")
        if noted:
            self.line(f"uses += {made}[{len(remembered)}]")
        position = 0
        for fit, run in runs:
            if fit and any(not isinstance(atom, str) for atom in run):
                self.pending.append((f"{made}[{position}]", self.segment))
                position += 1
            else:
                for atom in run:
                    self.atom(atom, scope)

    def _function(self, key: str, runs: list[list[Any]], scope: Scope) -> tuple[str, bool, bool]:
        """Write the remembered function into the module, unless the same is there (a card shown twice).

        Gives its name, whether it hands back uses of fallbacks, and whether it depends on the locale.
        """
        part = Part(self.module, self.defaults, remember=False, segment=self.segment)
        inside = {
            n: replace(local, python="it") if local.python == key else local for n, local in scope.items()
        }
        count, self.module.count = self.module.count, 0  # its names are its own
        for index, run in enumerate(runs):
            part.out = f"p{index}"
            part.line(f"p{index} = []")
            for atom in run:
                part.atom(atom, inside)
            part.flush()
        self.module.count = count
        self.reads.names |= part.reads.names
        noted, local = part.reads.fallbacks, "locale" in part.reads.names
        joined = ", ".join(f"{self.module.empty}.join(p{index})" for index in range(len(runs)))
        part.line(f"return ({joined},{' tuple(uses),' if noted else ''})")
        parameters = [*(["key"] if key else []), *(["locale"] if local else [])]
        head = ["    uses, left = [], [MAX_STEPS]", f"    row = shared({'locale' if local else 'None'})"]
        head += ["    it = item(key)"] if key else []
        head += _blank(part)
        text = "\n".join([*parameters, *head, *(line for line, _ in part.lines)])
        name = self.module.remembered.get(text)
        if name is None:
            name = self.module.remembered[text] = self.module.fresh("m")
            _emit(self.module, ["@remember", f"def {name}({', '.join(parameters)}):", *head], part)
        return name, noted, local

    # -- statements --------------------------------------------------------------------------------------
    def _if(self, node: nodes.If, scope: Scope) -> None:
        if self._as_leaf(node, scope):
            return
        branches: list[tuple[nodes.Node | None, list[nodes.Node]]] = [(node.test, node.body)]
        branches += [(other.test, other.body) for other in node.elif_]
        if node.else_ or self.module.record:
            branches.append((None, node.else_))
        before = frozenset(self.there)
        for position, (test, body) in enumerate(branches):
            if test is not None:
                written = self.expression(test, scope)
                if position:
                    self.line(f"else:  # {position}")
                    self.indent += 1
                self.line(f"if {written}:")
            else:
                self.line("else:")
            self.indent += 1
            if self.module.record:
                what = spelt(test) if test is not None else "else"
                self.module.arms.append((f"{what} → arm {position + 1}", _first_segment(body, self.segment)))
                self.line(f"arms.add({len(self.module.arms) - 1})")
            self.body(body, scope)
            self.line("pass")
            self.indent -= 1
            self.there = set(before)
        self.indent -= len(node.elif_)

    def _for(self, node: nodes.For, scope: Scope) -> None:
        if node.recursive:
            raise RefusedError("a recursive loop is not part of the language", line=node.lineno)
        if self._as_leaf(node, scope):
            return
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
        counted = any(name.name == "loop" for part in node.body for name in part.find_all(nodes.Name))
        head = f"for {counter}, {target} in enumerate({items}):" if counted else f"for {target} in {items}:"
        self.line(head)
        before = frozenset(self.there)
        self.indent, self.loops = self.indent + 1, self.loops + 1
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

    def _target(self, target: nodes.Node, value: nodes.Node, scope: Scope, inside: Scope) -> str:
        if isinstance(target, nodes.Tuple):
            return (
                f"({', '.join(self._target(item, nodes.Const(0), scope, inside) for item in target.items)},)"
            )
        if not isinstance(target, nodes.Name):
            raise RefusedError("a loop binds names", line=target.lineno)
        around = depth(value, scope)
        python = self.module.fresh(f"l_{target.name}_" if target.name.isascii() else "l_")
        inside[target.name] = Local(python, around - 1 if around else None)
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
        """``{% filter _url %}``: a link that is checked once it is whole."""
        if node.filter.name == "_slot":
            slot = node.filter.args[0].as_const()
            self.reads.names.add("@abort")
            self.line(f"fill({slot!r}, row, out, uses, left, arms)")
            return
        if node.filter.name != "_url":
            raise RefusedError("{% filter %} is not part of the language", line=node.lineno)
        atoms = list(_atoms(node.body))
        if len(atoms) == 1 and isinstance(atoms[0], nodes.Filter) and atoms[0].name == "_path":
            whole = nodes.Filter(atoms[0].node, "_link", atoms[0].args, [], None, None, lineno=node.lineno)
            self._leaf(whole, scope)
            return
        outer, name = self.out, self.module.fresh("o")
        self.line(f"{name} = []")
        self.out = name
        for atom in atoms:
            self.atom(atom, scope)
        self.flush()
        self.out = outer
        self.segment = _segment(node.filter)
        link = f"checked_url({self.module.empty}.join({name}))"
        self.pending.append(
            (f"leaf({link}, '')" if self.module.holes and not self.whole else link, self.segment)
        )


def write_part(
    module: Module, name: str, body: Sequence[nodes.Node], defaults: dict[str, Any] | None = None
) -> None:
    """Add ``def name(row, out, uses, left, arms)`` to the module. Raises RefusedError."""
    part = Part(module, defaults or {})
    part.body(body, {})
    part.flush()
    module.names |= part.reads.names
    head = [f"def {name}(row, out, uses, left, arms):", *_blank(part)]
    part.line("return out")
    _emit(module, head, part)


def _blank(part: Part) -> list[str]:
    """Names that are set on some paths only start as missing."""
    names = dict.fromkeys([*part.hoisted.values(), *part.sets])
    return [f"    {' = '.join(names)} = None"] if names else []


def _emit(module: Module, head: list[str], part: Part) -> None:
    module.lines += head
    module.origins += [-1] * len(head)
    for text, segment in part.lines:
        module.lines.append(text)
        module.origins.append(segment)


def _atoms(body: Sequence[nodes.Node]) -> Iterable[nodes.Node | str]:
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


def _is_shared(fact: Reads) -> bool:
    return fact.names <= SHARED and not fact.locals


def _pythons(scope: Scope) -> set[str]:
    return {local.python for local in scope.values()}


def _segment(node: nodes.Filter) -> int:
    value = node.args[0] if node.args else None
    return int(value.value) if isinstance(value, nodes.Const) else 0


def _first_segment(body: Sequence[nodes.Node], before: int) -> int:
    """The segment of the first value written in a body; ``before`` where it writes none."""
    for part in body:
        for node in (part, *part.find_all(nodes.Filter)):
            if isinstance(node, nodes.Filter) and node.name in ENCODERS:
                return _segment(node)
    return before


_STATEMENTS: dict[type[nodes.Node], Callable[[Part, Any, Scope], None]] = {
    nodes.Assign: Part._set,
    nodes.FilterBlock: Part._whole,
    nodes.For: Part._for,
    nodes.If: Part._if,
    nodes.With: Part._with,
}
