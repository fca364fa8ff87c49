"""Lines of the Python that writes a mail: constant text and escaped values appended to a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from render.expressions import Writer
from render.pymodule import Module
from render.reads import Reads, RefusedError, Scope
from render.spelling import spelt
from render.walks import ENCODERS


@dataclass(frozen=True)
class Constant:
    """Constant text that waits to be appended; neighbours become one piece."""

    text: str


@dataclass
class Lines:
    """The lines of one function while they are written, and what they read."""

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
    segment: int = 0

    # -- expressions -------------------------------------------------------------------------------------
    def expression(self, node: nodes.Node, scope: Scope) -> str:
        written, reads = self.looked_at(node, scope)
        self.reads.update(reads)
        return written

    def looked_at(self, node: nodes.Node, scope: Scope) -> tuple[str, Reads]:
        """An expression as Python, and what it reads."""
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

    def leaf(self, node: nodes.Expr, scope: Scope) -> None:
        """One escaped value. Inside a loop, a value that the loop does not change is computed once."""
        escaped, reads = self.escaped(node, scope)
        if self.loops and not (reads.locals or reads.items or "@abort" in reads.names):
            name = self.hoisted.setdefault(escaped, f"h{len(self.hoisted)}")
            if name not in self.there:
                self.lines.append(
                    (f"{'    ' * self.indent}if {name} is None: {name} = {escaped}", self.segment)
                )
                self.there.add(name)
            escaped = name
        self.pending.append((escaped, self.segment))

    def escaped(self, node: nodes.Expr, scope: Scope) -> tuple[str, Reads]:
        """A value as it is written where it stands, and what it reads."""
        if not isinstance(node, nodes.Filter) or node.name not in ENCODERS or node.node is None:
            raise RefusedError("an output without its escape", line=node.lineno)
        self.segment = segment_of(node)
        written, reads = self.looked_at(node.node, scope)
        self.reads.update(reads)
        return f"e{node.name}[{written}]", reads


def segment_of(node: nodes.Filter) -> int:
    """The segment that an escape came from."""
    value = node.args[0] if node.args else None
    return int(value.value) if isinstance(value, nodes.Const) else 0
