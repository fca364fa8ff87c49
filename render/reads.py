"""What an expression looks at, on which depends whether what it makes can be remembered."""

from __future__ import annotations

from dataclasses import dataclass, field

from jinja2 import nodes


class RefusedError(Exception):
    """A construct that is not part of the language; ``line`` is that of the parsed text."""

    def __init__(self, what: str, *, fix: str | None = None, line: int = 0) -> None:
        super().__init__(what)
        self.what, self.fix, self.line = what, fix, line


@dataclass(frozen=True)
class Local:
    """A name that a loop, ``with`` or ``set`` bound. ``depth`` 0: a catalogue item; n: a list of lists of
    them; None: anything else."""

    python: str
    depth: int | None = None
    listed: bool = False
    """Whether the value is surely a list: an element of a list of lists."""
    loop: str | None = None
    """The Python name of the loop's counter, for the name ``loop``."""


Scope = dict[str, Local]
"""Name in the template → what it stands for."""


@dataclass
class Reads:
    """What an expression looks at: names of the row, locals, and whether the locale of the mail counts."""

    names: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    """Locals of which only catalogue fields are read."""
    locals: set[str] = field(default_factory=set)
    fallbacks: bool = False

    def update(self, other: Reads) -> None:
        self.names |= other.names
        self.items |= other.items
        self.locals |= other.locals
        self.fallbacks |= other.fallbacks


SHARED = frozenset({"brand", "theme", "campaign", "now", "locale"})
"""Names whose value is the same in all mails of a run (the locale is part of every key)."""


def is_shared(reads: Reads) -> bool:
    """Whether nothing is read but what mails share, and items of the catalogue."""
    return reads.names <= SHARED and not reads.locals


def depth(node: nodes.Node, scope: dict[str, Local]) -> int | None:
    """How many lists lie around catalogue items in the value of an expression; None: no known items."""
    if isinstance(node, nodes.Name):
        local = scope.get(node.name)
        return local.depth if local else (1 if node.name == "recommendations" else None)
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        return {"item": 0, "recommend": 1}.get(node.node.name)
    if not isinstance(node, (nodes.Getitem, nodes.Filter)) or node.node is None:
        return None
    inner = depth(node.node, scope)
    if inner is None or (isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice)):
        return inner
    if isinstance(node, nodes.Getitem) or node.name in ("first", "last"):
        return inner - 1 if inner else None
    if node.name == "batch":
        return inner + 1 if len(node.args) == 1 else None
    return inner if node.name in ("reverse", "sort", "list", "selectattr", "rejectattr") else None
