"""Every rule that the documentation shows runs, and those to begin with select whom they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from audience import add_features, arrow_schema
from mailwright.catalog import RECOMMENDATIONS, block_catalog
from mailwright.engine import read_workspace, segment_audience
from mailwright.errors import Location
from mailwright.model.recommendation import ASKED
from mailwright.model.schema import INTERACTION_ATTRIBUTES, ITEM_ATTRIBUTES
from mailwright.workspace import open_workspace
from rules import EventView, RuleContext, compile_rule, evaluate_rules, event_views
from rules.dialects import DIALECTS
from tests.shop.documented import documented_rules, rules_to_begin_with

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
RULES = list(documented_rules())


@pytest.fixture(scope="module")
def everyone(shop):
    """The example shop: its catalog of names, a frame of everybody, the interactions."""
    workspace = open_workspace(shop)
    audience = read_workspace(workspace, now=NOW).audience
    frame = audience.profiles
    for name, column in zip(*_segments(workspace, audience), strict=True):
        frame = frame.append_column(name, column)
    kind = arrow_schema({"recommendations": RECOMMENDATIONS}).field(0)
    made = pa.array([[]] * frame.num_rows, kind.type)
    return block_catalog(workspace), frame.append_column(kind, made), audience.interactions


def _segments(workspace, audience):
    columns = segment_audience(workspace, audience, now=NOW).columns
    return columns.column_names, columns.columns


def test_the_documentation_shows_rules_of_every_kind():
    assert len(RULES) >= 20
    pages = {"README.md", "rules.md", "segments.md", "templates.md", "triggers.md"}
    assert {name for name, _, _ in RULES} >= pages


@pytest.mark.parametrize(("file", "number", "text"), RULES, ids=[f"{f}:{n}" for f, n, _ in RULES])
def test_a_documented_rule_runs(everyone, file, number, text):
    catalog, frame, interactions = everyone
    rule = compile_rule(text, catalog, at=Location(file, number, 1, text))
    for asked in (name for name in rule.attributes if name.startswith(ASKED)):
        frame = frame.append_column(asked, frame["recommendations"])
    held = evaluate_rules({"rule": rule}, frame, now=NOW, interactions=interactions)["rule"]
    sample = frame.slice(0, 60)
    views = event_views(interactions, sample["profile_id"].to_pylist())
    for row, values in enumerate(sample.to_pylist()):
        inside = {name.removeprefix("segment:") for name, value in values.items() if value is True}
        context = RuleContext(now=NOW, segments=inside, events=views.get(values["profile_id"], EventView()))
        assert rule.holds(values, context) == held[row].as_py()
    for dialect in DIALECTS:
        if dialect != "duckdb" and not (dialect == "redshift" and "has(" in text):
            assert rule.sql(dialect)


PEOPLE = {
    "regular": [("order_completed", day, 60.0) for day in (3, 60, 120, 180, 240, 300)],
    "many lines, one order": [("order_completed", 3, 60.0)] * 6,
    "looked": [("product_viewed", 1.9, None)],
    "looked and took": [("product_viewed", 1.5, None), ("product_added", 1, None)],
    "looked long ago": [("product_viewed", 2.1, None)],
    "loyal": [("order_completed", day, 20.0) for day in (1, 6, 11, 16, 21)],
    "four a month": [("order_completed", day, 20.0) for day in (1, 6, 11, 16)],
    "at risk": [("order_completed", 91, 20.0)],
    "still here": [("order_completed", 89, 20.0)],
    "spender": [("order_completed", day, 151.0) for day in (2, 8, 15, 22)],
    "spender, silent": [("order_completed", day, 151.0) for day in (4, 8, 15, 22)],
    "small spender": [("order_completed", day, 149.0) for day in (2, 8, 15, 22)],
    "new": [],
}
EXPECTED = [
    {"regular"},
    {"looked"},
    {"loyal"},
    {"at risk"},
    {"spender"},
    {"new"},
]
"""Of the first six: bought more than five times and within 30 days; viewed in 48 hours and put nothing into
the cart; loyal; at risk; high spenders; new."""


def test_the_rules_to_begin_with_select_whom_they_say(everyone):
    catalog, _, _ = everyone
    rows = [
        {"profile_id": name, "item_id": "i", "event": event, "at": NOW - timedelta(days=day)}
        | {"amount": amount, "quantity": 1}
        for name, some in PEOPLE.items()
        for event, day, amount in some
    ]
    events = pa.Table.from_pylist(rows, arrow_schema(INTERACTION_ATTRIBUTES))
    events = events.sort_by([("profile_id", "ascending"), ("at", "ascending")])
    items = pa.Table.from_pylist([{"item_id": "i", "title": "I"}], arrow_schema(ITEM_ATTRIBUTES))
    since = {"new": NOW - timedelta(days=6)}
    people = pa.table(
        {
            "profile_id": sorted(PEOPLE),
            "timezone": pa.nulls(len(PEOPLE), pa.string()),
            "registered_at": pa.array(
                [since.get(name, NOW - timedelta(days=400)) for name in sorted(PEOPLE)],
                pa.timestamp("us", "UTC"),
            ),
        }
    )
    frame = add_features(people, events, items, now=NOW)
    texts = rules_to_begin_with()[: len(EXPECTED)]
    rules = {text: compile_rule(text, catalog, at=Location("rules.md")) for text in texts}
    held = evaluate_rules(rules, frame, now=NOW, interactions=events)
    chosen = [
        {name for name, inside in zip(sorted(PEOPLE), held[text].to_pylist(), strict=True) if inside}
        for text in texts
    ]
    assert chosen == EXPECTED
