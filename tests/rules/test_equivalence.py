"""A rule means the same over a frame as for one profile, whatever the rule and the data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import EventView, RuleContext, evaluate_rules, event_views
from rules.check import Scope, check
from rules.closure import compile_closure
from rules.frame import evaluate_trees
from rules.grammar import GRAMMAR
from rules.logic import contradiction
from rules.read import read
from rules.rule import Rule, checked
from tests.rules.generate import EXAMPLES, Rules, frames, interactions
from tests.rules.schema import AT, CATALOG, NOW

CONDITIONS = st.lists(Rules().condition(3), min_size=4, max_size=6)


def context_of(profile: dict[str, Any], views: dict[str, EventView]) -> RuleContext:
    """The segments and events of one row of a frame."""
    segments = {name for name in ("vip", "new") if profile[f"segment:{name}"]}
    return RuleContext(NOW, segments, views.get(profile["profile_id"], EventView()))


def one_by_one(rules: dict[str, Rule], frame: pa.Table, events: pa.Table) -> dict[str, list[bool | None]]:
    """What the closures say, row by row."""
    views = event_views(events)
    results: dict[str, list[bool | None]] = {name: [] for name in rules}
    for profile in frame.to_pylist():
        for name, rule in rules.items():
            results[name].append(rule.holds(profile, context_of(profile, views)))
    return results


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=CONDITIONS, frame=frames(), events=interactions())
def test_frame_and_closure_agree(texts: list[str], frame: pa.Table, events: pa.Table) -> None:
    rules = {f"{n}: {text}": checked(text, CATALOG, AT) for n, text in enumerate(texts)}
    columns = evaluate_rules(rules, frame, now=NOW, interactions=events)
    assert {name: columns[name].to_pylist() for name in rules} == one_by_one(rules, frame, events)


RULES = Rules()
VALUES = st.tuples(
    *(
        st.lists(kind(3), min_size=2, max_size=3)
        for kind in (RULES.string, RULES.integer, RULES.number, RULES.instant)
    )
).map(lambda lists: [text for some in lists for text in some])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=VALUES, frame=frames(), events=interactions())
def test_values_agree_too(texts: list[str], frame: pa.Table, events: pa.Table) -> None:
    trees = {text: check(read(text, AT), Scope(CATALOG, text, AT, GRAMMAR)) for text in texts}
    columns = evaluate_trees(trees, frame, NOW, events)
    views = event_views(events)
    for text, tree in trees.items():
        closure = compile_closure(tree)
        for profile, theirs in zip(frame.to_pylist(), columns[text].to_pylist(), strict=True):
            ours = closure(profile, context_of(profile, views))
            if isinstance(ours, datetime):
                ours = ours.replace(tzinfo=None)
            assert ours == theirs, text
            assert type(ours) is type(theirs), text


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=CONDITIONS, frame=frames(), events=interactions())
def test_what_can_never_be_true_false_or_unknown_never_is(
    texts: list[str], frame: pa.Table, events: pa.Table
) -> None:
    rules = {text: checked(text, CATALOG, AT) for text in texts}
    for text, results in one_by_one(rules, frame, events).items():
        for impossible in (True, False, None):
            if contradiction(rules[text].tree, impossible, CATALOG) is not None:
                assert impossible not in results, text
