"""A rule: compiled once, then evaluated for one profile, over a frame, or in another database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mailwright.errors import DataError, Location
from mailwright.model.trace import Outcome
from rules.catalog import RuleCatalog
from rules.check import Scope, condition
from rules.closure import Closure, compile_closure
from rules.context import RuleContext
from rules.explain import explain
from rules.grammar import GRAMMAR
from rules.read import read
from rules.tree import Attr, Events, Node, Segment, walk


@dataclass(frozen=True)
class Rule:
    """One checked rule. ``attributes`` are top-level names; it can be pickled, and is then compiled again."""

    text: str
    attributes: frozenset[str]
    segments: frozenset[str]
    events: frozenset[str]
    catalog: RuleCatalog = field(repr=False, compare=False)
    at: Location = field(repr=False, compare=False)
    tree: Node = field(repr=False, compare=False)
    _closure: Closure = field(repr=False, compare=False)

    def holds(self, profile: Mapping[str, Any], context: RuleContext) -> bool | None:
        """Whether the rule holds for one profile; None: it cannot be known, which counts as not holding.

        Raises DataError when a value is not of its declared type.
        """
        try:
            result: bool | None = self._closure(profile, context)
        except (TypeError, AttributeError, OverflowError, KeyError, ValueError) as error:
            raise DataError(
                f"the rule {self.text!r} met a value that is not of its declared type ({error})",
                fix="the profile must be a row of a frame: instants aware, numbers as numbers",
            ) from error
        return result

    def explain(self, profile: Mapping[str, Any], context: RuleContext) -> Outcome:
        """The result with each operand's value, the clause that decided, and what was missing."""
        self.holds(profile, context)
        return explain(self.text, self.tree, profile, context)

    def __reduce__(self) -> tuple[Any, ...]:
        return checked, (self.text, self.catalog, self.at)


def compile_rule(text: str, catalog: RuleCatalog, *, at: Location) -> Rule:
    """The rule that ``text`` says; ``at`` is where its first character stands.

    Raises RuleError with file, line, column and the nearest known name: for text that cannot be read or is
    too long or deep, unknown attributes, segments, events and functions, kinds that do not fit, and rules
    that can never hold or always do.
    """
    return checked(text, catalog, at)


def checked(text: str, catalog: RuleCatalog, at: Location) -> Rule:
    """The rule that ``text`` says, be it satisfiable or not."""
    scope = Scope(catalog, text, at, GRAMMAR)
    tree = condition(read(text, at), scope)
    nodes = list(walk(tree))
    return Rule(
        text=text,
        attributes=frozenset(node.path[0] for node in nodes if isinstance(node, Attr) and not node.of_event),
        segments=frozenset(node.name for node in nodes if isinstance(node, Segment)),
        events=frozenset(node.event for node in nodes if isinstance(node, Events)),
        catalog=catalog,
        at=at,
        tree=tree,
        _closure=compile_closure(tree),
    )
