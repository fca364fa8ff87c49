"""Code that marks every leaf of a mail, so that what mails share and what is one's own can be told apart."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import nodes

from render.leaf import WHOLE, is_short, same_value
from render.reads import Reads, Scope, is_shared
from render.spelling import spelt
from render.statements import Statements


@dataclass
class Splitting(Statements):
    """Writes a body with every leaf marked."""

    whole: bool = False
    """Whether what is written now is part of one leaf."""

    def leaf(self, node: nodes.Expr, scope: Scope) -> None:
        """A value as a leaf of its mail's skeleton; plain where the mails of one locale share it, and inside
        of what is a leaf as a whole."""
        escaped, reads = self.escaped(node, scope)
        if not self.whole and not _same_for_all(reads):
            owners = "".join(f", {name}" for name in sorted(reads.items | reads.locals))
            escaped = f"leaf({escaped}, {same_value(escaped)!r}{owners})"
        self.pending.append((escaped, self.segment))

    def link(self, node: nodes.FilterBlock, atoms: list[nodes.Node | str], scope: Scope) -> None:
        if self.whole:
            super().link(node, atoms, scope)
            return
        around, self.reads, self.whole = self.reads, Reads(), True
        link = self.joined(node, atoms, scope)
        reads, self.reads, self.whole = self.reads, around, False
        self.reads.update(reads)
        owners = "".join(f", {name}" for name in sorted(reads.items | reads.locals))
        same = "".join(atom if isinstance(atom, str) else f"{{{spelt(atom)}}}" for atom in atoms)
        self.pending.append((f"leaf({link}, {same!r}{owners})", self.segment))

    def atom(self, atom: nodes.Node | str, scope: Scope) -> None:
        if isinstance(atom, (nodes.If, nodes.For)) and self._is_leaf(atom, scope):
            self._as_leaf(atom, scope)
        else:
            super().atom(atom, scope)

    def _is_leaf(self, node: nodes.If | nodes.For, scope: Scope) -> bool:
        """Whether a statement is short and goes another way for another recipient: as one leaf mails then
        differ in a value rather than in what they share."""
        if self.whole or not is_short(node):
            return False
        decides = [node.iter] if isinstance(node, nodes.For) else [node.test, *(n.test for n in node.elif_)]
        return not all(_same_for_all(self.looked_at(test, scope)[1]) for test in decides)

    def _as_leaf(self, node: nodes.If | nodes.For, scope: Scope) -> None:
        outer, name = self.out, self.module.fresh("o")
        self.line(f"{name} = []")
        self.out, self.whole = name, True
        super().atom(node, scope)
        self.flush()
        self.out, self.whole = outer, False
        self.pending.append((f"leaf(joined({name}, {self.module.empty}), {WHOLE!r})", self.segment))


def _same_for_all(reads: Reads) -> bool:
    return is_shared(reads) and not reads.items
