"""A rule: compiled once, then evaluated for one profile, over a frame, or in another database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from mailwright.errors import DataError, Location, RuleError
from mailwright.model.trace import Outcome
from rules.catalog import RuleCatalog
from rules.check import Scope, condition
from rules.closure import compile_closure
from rules.context import Closure, RuleContext
from rules.explain import explain
from rules.grammar import GRAMMAR
from rules.logic import can_be_unknown, contradiction
from rules.read import read
from rules.transpile import rule_query
from rules.tree import Attr, Const, Events, Node, Segment, walk


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

    def sql(
        self,
        dialect: str,
        *,
        profiles: str = "profiles",
        interactions: str = "interactions",
        now: datetime | None = None,
    ) -> str:
        """A query for the ``profile_id`` of every profile for which the rule holds, in a warehouse's SQL.

        ``dialect`` is one of ``rules.DIALECTS``; ``profiles`` and ``interactions`` name tables with the
        schema's columns (segments: boolean columns ``segment:<name>``); without ``now`` the warehouse's clock
        counts. Aggregates over events are joined. Raises UsageError for an unknown dialect or a table's name
        that is none, RuleError for a function that the dialect cannot say.
        """
        return rule_query(self.tree, dialect, self.at, profiles, interactions, now)

    def __reduce__(self) -> tuple[Any, ...]:
        return checked, (self.text, self.catalog, self.at)


@lru_cache(maxsize=2048)
def compile_rule(text: str, catalog: RuleCatalog, *, at: Location) -> Rule:
    """The rule that ``text`` says; ``at`` is where its first character stands.

    Raises RuleError with file, line, column and the nearest known name: for text that cannot be read or is
    too long or deep, unknown attributes, segments, events and functions, kinds that do not fit, and rules
    that can never hold or always do.
    """
    rule = checked(text, catalog, at)
    if not isinstance(rule.tree, Const) or not rule.tree.value:
        _can_hold(rule)
        _can_fail(rule)
    return rule


def _can_hold(rule: Rule) -> None:
    why = contradiction(rule.tree, True, rule.catalog)
    if why is not None:
        together = f": {' and '.join(why)} exclude each other" if len(why) > 1 else ""
        fix = "change or remove one of these conditions"
        raise RuleError(f"the rule can never hold{together}", at=rule.at, fix=fix)
    for node in walk(rule.tree):
        if isinstance(node, Events) and node.where is not None:
            why = contradiction(node.where, True, rule.catalog)
            if why is not None:
                what = f"no event can be counted by {node.text}"
                raise RuleError(what, at=rule.at, fix="change or remove one of its conditions")


def _can_fail(rule: Rule) -> None:
    if contradiction(rule.tree, False, rule.catalog) is None:
        return
    if contradiction(rule.tree, None, rule.catalog) is not None:
        raise RuleError("the rule is always true", at=rule.at, fix="write TRUE if that is meant")
    if rule.attributes and not can_be_unknown(rule.tree):
        names = sorted(rule.attributes)
        known = f" whenever {' and '.join(names)} {'is' if len(names) == 1 else 'are'} known"
        meant = " AND ".join(f"{name} IS NOT NULL" for name in names)
        raise RuleError(f"the rule is always true{known}", at=rule.at, fix=f"write {meant} if that is meant")


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
