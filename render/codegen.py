"""Jinja's statements written as straight-line Python that appends constant bytes and leaves to a list.

The one mechanism of speed: a run of output that reads nothing but one catalogue item, the locale and what
all mails share becomes a function of the item's id and the locale, remembered in a bounded LRU. A product
card is made once per item, a block of translated text once per language; what belongs to one recipient
stays a leaf between such runs. docs/rendering.md shows the code of a card.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from jinja2 import nodes

from render.holes import Splitting
from render.lines import Lines
from render.pymodule import Before, Module
from render.reads import Reads, Scope, is_shared
from render.statements import Statements, atoms_of
from render.walks import names_in, sets_names

BARRIERS = frozenset({"@abort", "@set"})
"""Marks of atoms that cannot change places with others: an abort, a slot, an assignment."""


def write_part(
    module: Module, name: str, body: Sequence[nodes.Node], defaults: dict[str, Any] | None = None
) -> None:
    """Add ``def name(row, out, uses, left, arms)`` to the module. Raises RefusedError.

    What no file enters is written once: between two saves that is all but the block that was saved.
    """
    if any("asset" in names_in(node) for node in body):
        _write(module, name, body, defaults or {})
    else:
        module.take(_written(Before.of(module), name, tuple(body), _Defaults.of(defaults or {})))


@dataclass(frozen=True)
class _Defaults:
    """Values of a block's front matter; ``text`` tells them apart."""

    text: str
    values: dict[str, Any] = field(compare=False)

    @classmethod
    def of(cls, values: dict[str, Any]) -> _Defaults:
        return cls(repr(values), values)


@lru_cache(maxsize=512)
def _written(before: Before, name: str, body: tuple[nodes.Node, ...], defaults: _Defaults) -> Module:
    """A module with one part, as it is written after what came before it. Trees are told apart by identity,
    and what is refused is not remembered."""
    module = before.module()
    _write(module, name, body, defaults.values)
    return module


def _write(module: Module, name: str, body: Sequence[nodes.Node], defaults: dict[str, Any]) -> None:
    kind = Splitting if module.holes else Statements if module.record else Remembering
    part = kind(module, defaults)
    part.body(body, {})
    part.flush()
    module.names |= part.reads.names
    module.parts[name] = frozenset(part.reads.names)
    head = [f"def {name}(row, out, uses, left, arms):", *_blank(part)]
    part.line("return out")
    _emit(module, head, part)


class Remembering(Statements):
    """Writes a body so that runs which nothing personal enters are remembered."""

    def body(self, body: Sequence[nodes.Node], scope: Scope) -> None:
        for key, group in self._groups(list(atoms_of(body)), scope):
            if key is None:
                for atom in group:
                    self.atom(atom, scope)
            else:
                self._remembered(key, group, scope)

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
        shareable = [fact for fact in shareable if is_shared(fact) and len(fact.items) < 2]
        votes = [item for fact in shareable for item in fact.items]
        if votes:
            return max(sorted(set(votes)), key=votes.count)
        return "" if shareable else None

    def _facts(self, atom: nodes.Node | str, scope: Scope) -> Reads:
        """What an atom reads, found by writing it once for nothing."""
        if isinstance(atom, str):
            return Reads()
        draft = Statements(self.module, self.defaults, loops=self.loops, segment=self.segment)
        arms, count = len(self.module.arms), self.module.count
        draft.atom(atom, dict(scope))
        del self.module.arms[arms:]
        self.module.count = count
        if sets_names(atom):
            draft.reads.names.add("@set")
        inner = {name for name in draft.reads.locals | draft.reads.items if name not in _pythons(scope)}
        draft.reads.locals -= inner
        draft.reads.items -= inner
        return draft.reads

    def _remembered(self, key: str, atoms: list[nodes.Node | str], scope: Scope) -> None:
        facts = [self._facts(atom, scope) for atom in atoms]
        fits = [is_shared(fact) and fact.items <= {key} for fact in facts]
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
        part = Statements(self.module, self.defaults, segment=self.segment)
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
        joined = ", ".join(f"joined(p{index}, {self.module.empty})" for index in range(len(runs)))
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


def _blank(part: Lines) -> list[str]:
    """Names that are set on some paths only start as missing."""
    names = dict.fromkeys([*part.hoisted.values(), *part.sets])
    return [f"    {' = '.join(names)} = None"] if names else []


def _emit(module: Module, head: list[str], part: Lines) -> None:
    module.lines += head
    module.origins += [-1] * len(head)
    for text, segment in part.lines:
        module.lines.append(text)
        module.origins.append(segment)


def _pythons(scope: Scope) -> set[str]:
    return {local.python for local in scope.values()}
