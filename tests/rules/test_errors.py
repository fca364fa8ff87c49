"""Errors say what is wrong, where, and what mends it, before any profile is looked at."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mailwright.errors import Location, RuleError
from mailwright.model.segment import SegmentSpec
from rules import DIALECTS, compile_rule, evaluate_rules
from tests.rules.schema import AT, CATALOG, CONTEXT

CASES = (
    # rule, column of the caret, what, fix
    ("point > 3", 1, "unknown attribute 'point'", "did you mean 'points'?"),
    ("points > 3 AND adress.city = 'x'", 16, "unknown attribute 'adress'", "did you mean 'address'?"),
    ("address.cty = 'x'", 9, "unknown member of 'address' 'cty'", "did you mean 'city'?"),
    ("points.x = 1", 8, "unknown member of 'points' 'x'", None),
    ("segment('vp')", 9, "unknown segment 'vp'", "did you mean 'vip'?"),
    ("count_events('product_view') > 1", 14, "unknown event 'product_view'", "mean 'product_viewed'?"),
    ("count_events('product_viewed', colour = 'x') > 1", 32, "unknown field of this event", "known here"),
    ("count_events('product_viewed', '1 parsec') > 1", 32, "'1 parsec' is no length of time", "'30 days'"),
    ("count_events('product_viewed', segment('vip')) > 1", 32, "cannot stand among the conditions", None),
    ("sum_events('order_completed') > 1", 1, "sum_events needs a field", "'30 days'"),
    ("sum_events('order_completed', category) > 1", 1, "category is a string", None),
    ("len(recommend(strategy='similar', n=4)) > 1", 5, "stands in the rules of blocks alone", "templates.md"),
    ("lenn(tags) = 1", 1, "unknown function 'lenn'", "did you mean 'len'?"),
    ("len(points) = 1", 1, "len cannot take (integer)", "len(string) or len(list)"),
    ("has(tags, 3)", 1, "has cannot take (list of string, integer)", "has(list, element)"),
    ("hour(now(), 'Europe/Osl') = 1", 1, "unknown time zone 'Europe/Osl'", "did you mean 'Europe/Oslo'?"),
    ("points > 'x'", 1, "an integer cannot meet a string", "without quotes"),
    ("first_name > 3", 1, "a string cannot meet an integer", "without quotes"),
    ("tags = 'golf'", 1, "a list of string cannot meet a string", "has(list, value)"),
    ("registered_at > 'yesterday'", 1, "'yesterday' is no timestamp", "2026-11-20"),
    ("registered_at - birthday > 3", 1, "- takes numbers, not a timestamp", "days_between"),
    ("points", 1, "points is an integer, not a condition", "compare it"),
    ("points AND subscribed", 1, "points is an integer, not a condition", "compare it"),
    ("points IS TRUE", 1, "IS takes NULL", None),
    ("'golf' IN tags", 1, "IN takes values in parentheses", "has(tags, 'golf')"),
    ("points IN (visits, 2)", 1, "IN takes literal values", "OR"),
    ("points IN (SELECT 1)", 1, "IN takes values in parentheses, no query", None),
    ("first_name LIKE country", 1, "LIKE takes a text and a literal pattern", None),
    ("first_name RLIKE 'a+'", 1, "is not part of the rule language", "docs/rules.md"),
    ("CAST(points AS TEXT) = '1'", 6, "values are not converted in rules", "declare"),
    ("(SELECT 1) = 1", 9, "is not part of the rule language", "docs/rules.md"),
    ("EXISTS(SELECT 1)", 15, "is not part of the rule language", None),
    ("points = ?", 9, "is not part of the rule language", None),
    ("points > 99999999999999999999", 10, "larger than a 64-bit integer", None),
    ("spend > 1e999", 9, "larger than any number", None),
    ("country = 'N0'", 1, "country is never 'N0'", "did you mean 'NO'?"),
    ("country IN ('NO', 'XX')", 1, "country is never 'XX'", "known here"),
    ("points > 3 points", 12, "cannot be read at 'points'", "SQL condition"),
    ("points >", 8, "cannot be read at '>'", "SQL condition"),
    ("first_name = 'abc", 18, "cannot be read", "SQL condition"),
    ("points > 3; DROP TABLE x", 11, "without ';'", None),
    ("__import__('os').system('id')", 1, "", None),
    ("read_csv('/etc/passwd') = 'x'", 1, "unknown function 'read_csv'", None),
    ("", 9, "the rule is empty", "TRUE"),
    ("first_name = '\0'", 15, "NUL", None),
    ("points BETWEEN SYMMETRIC 9 AND 1", 1, "without SYMMETRIC", None),
)  # fmt: skip

IMPOSSIBLE = (
    ("points > 30 AND points < 20", "points > 30 and points < 20 exclude each other"),
    ("points > 3 AND points < 4", "exclude each other"),
    ("points > 5.5 AND points < 6", "exclude each other"),
    ("count_events('product_viewed') < 0", "can never hold"),
    ("country <> 'NO' AND country <> 'SE' AND country <> 'DK'", "exclude each other"),
    ("points IS NULL AND points + 1 > 2", "exclude each other"),
    ("segment('vip') AND NOT segment('vip')", "exclude each other"),
    ("(points > 5 OR spend > 3) AND points < 3 AND spend < 2", "exclude each other"),
    ("points > visits AND visits > points", "can never hold"),
    ("level IS NULL", "can never hold"),
    ("share > 1.5", "can never hold"),
    ("hour(now()) = 24", "can never hold"),
    ("birthday > '2020-01-01' AND birthday < '2019-01-01'", "exclude each other"),
    ("first_name NOT IN ('a', NULL)", "can never hold"),
    ("points IN (1, 2) AND points NOT IN (1, 2)", "exclude each other"),
    ("points = 1.5", "can never hold"),
    ("count_events('product_viewed') IN (0.5, 1.5)", "can never hold"),
    ("registered_at > now() AND registered_at < now() - INTERVAL '1 day'", "exclude each other"),
    ("days_since(registered_at) > 90 AND hours_since(registered_at) < 30", "exclude each other"),
    ("days_since(registered_at) > 90 AND registered_at > now() - INTERVAL '2 months'", "exclude each other"),
    ("days_until(birthday) > 3 AND birthday < now()", "exclude each other"),
    ("days_since(last_event('product_viewed')) < 0", "can never hold"),
    ("last_event('product_viewed') > now()", "can never hold"),
    (
        "registered_at > DATE '2026-01-02' AND registered_at < TIMESTAMP '2026-01-02'",
        "> DATE '2026-01-02' and",
    ),
    ("subscribed IS TRUE AND subscribed IS NOT TRUE", "exclude each other"),
    ("points > 3 AND (points > 3) = FALSE", "exclude each other"),
    ("points IS DISTINCT FROM points", "can never hold"),
    ("CASE WHEN points > 5 THEN TRUE ELSE FALSE END AND points < 3", "exclude each other"),
    ("if(points > 3, FALSE, FALSE)", "can never hold"),
    ("first_name NOT LIKE '%'", "can never hold"),
    ("points / 0 > 1", "can never hold"),
    ("points % 0 IS NOT NULL", "can never hold"),
    ("FALSE", "can never hold"),
    ("NULL", "can never hold"),
)
ALWAYS = (
    ("points >= 0 OR points < 0", "points IS NOT NULL"),
    ("count_events('product_viewed') >= 0", "TRUE"),
    ("bucket('a') < 1", "TRUE"),
    ("country IN ('NO', 'SE', 'DK')", "country IS NOT NULL"),
    ("share BETWEEN 0 AND 1", "share IS NOT NULL"),
    ("NOT (points > 3 AND points <= 3)", "points IS NOT NULL"),
    ("1 = 1", "TRUE"),
    ("TRUE AND TRUE", "TRUE"),
    ("TRUE OR points > 3", "TRUE"),
    ("level IS NOT NULL", "TRUE"),
    ("points IS NULL OR points IS NOT NULL", "TRUE"),
    ("subscribed IS NULL OR subscribed OR NOT subscribed", "TRUE"),
    ("subscribed IS TRUE OR subscribed IS NOT TRUE", "TRUE"),
    ("points > 3 OR points <= 3 OR points + 1 IS NULL OR points IS NULL", "TRUE"),
    ("first_name LIKE '%'", "first_name IS NOT NULL"),
    ("days_since(registered_at) > 9 OR days_since(registered_at) < 10", "registered_at IS NOT NULL"),
)
FINE = (
    "TRUE",
    "spend > 3 AND spend < 4",
    "points IN (1, NULL)",
    "points >= 4 AND points <= 4",
    "points > 3 AND points < 5 AND points <> 5",
    "points >= 3.5 AND points <= 4",
    "spend >= 4 AND spend <= 4",
    "share >= 1",
    "bucket('a') >= 0.999",
    "points IS NULL AND visits > 1",
    "points > 5 OR segment('vip')",
    "subscribed IS TRUE OR points > 3",
    "points / visits > 1 OR points / visits <= 1",
    "coalesce(points, 9) = 9",
    "points IS NULL OR visits > 3 OR visits <= 2",
    "registered_at > now() - INTERVAL '1 month' AND days_since(registered_at) > 30",
    "days_since(registered_at) >= 0 AND registered_at >= now()",
    "days_since(registered_at) < 0",
    "days_since(last_event('product_viewed')) < 1e-12",
    "CASE WHEN points > 5 THEN visits > 1 ELSE visits < 1 END",
    "last_event('product_viewed') IS NULL",
    "NOT (days_since(registered_at) BETWEEN 30 AND 90)",
)


@pytest.mark.parametrize(("text", "column", "what", "fix"), CASES)
def test_error(text: str, column: int, what: str, fix: str | None) -> None:
    with pytest.raises(RuleError) as caught:
        compile_rule(text, CATALOG, at=AT)
    error = caught.value
    assert what in error.what
    assert (error.at.file, error.at.line, error.at.column) == ("segments.yaml", 3, column)
    assert (fix or "") in (error.fix or "")


@pytest.mark.parametrize(("text", "what"), IMPOSSIBLE)
def test_a_rule_that_can_never_hold(text: str, what: str) -> None:
    with pytest.raises(RuleError, match="can never hold") as caught:
        compile_rule(text, CATALOG, at=AT)
    assert what in caught.value.what


@pytest.mark.parametrize(("text", "meant"), ALWAYS)
def test_a_rule_that_always_holds(text: str, meant: str) -> None:
    with pytest.raises(RuleError, match="is always true") as caught:
        compile_rule(text, CATALOG, at=AT)
    assert caught.value.fix == f"write {meant} if that is meant"


@pytest.mark.parametrize("text", FINE)
def test_a_rule_that_may_hold_or_not(text: str) -> None:
    compile_rule(text, CATALOG, at=AT)


@pytest.mark.parametrize("condition", ["amount > 5 AND amount < 3", "category = 'x' AND category = 'y'"])
def test_conditions_on_events_that_no_event_meets(condition: str) -> None:
    with pytest.raises(RuleError, match="no event can be counted by") as caught:
        compile_rule(f"count_events('order_completed', '9 days', {condition}) = 0", CATALOG, at=AT)
    assert "conditions" in (caught.value.fix or "")


def test_segments_that_exclude_each_other_or_are_part_of_each_other() -> None:
    spec = {"rule": "points > 1"}
    specs = {
        "gold": SegmentSpec(**spec, group="tier"),
        "silver": SegmentSpec(**spec, group="tier"),
        "fond": SegmentSpec(**spec, parent="gold"),
        "fonder": SegmentSpec(**spec, parent="fond"),
    }
    catalog = CATALOG.with_segments(specs)
    for text in (
        "segment('gold') AND segment('silver')",
        "segment('gold') AND points > 3 AND segment('silver') IS TRUE",
        "segment('fonder') AND NOT segment('gold')",
    ):
        with pytest.raises(RuleError, match=r"can never hold: .* exclude each other"):
            compile_rule(text, catalog, at=AT)
    for text in ("segment('gold') OR segment('silver')", "segment('gold') AND NOT segment('fond')"):
        compile_rule(text, catalog, at=AT)


def test_a_rule_of_many_levels_is_looked_through_quickly() -> None:
    text = "visits = 1"
    for level in range(20):
        text = f"(points > {level} {'OR' if level % 2 else 'AND'} {text})"
    compile_rule(text, CATALOG, at=AT)


def test_the_caret_stands_under_the_place_in_the_file() -> None:
    at = Location("segments.yaml", 3, 9, "  rule: points > 3 AND pionts < 9")
    with pytest.raises(RuleError) as caught:
        compile_rule("points > 3 AND pionts < 9", CATALOG, at=at)
    assert str(caught.value) == (
        "segments.yaml:3:24: unknown attribute 'pionts'\n"
        "  |   rule: points > 3 AND pionts < 9\n"
        "  |                        ^\n"
        "  fix: did you mean 'points'?"
    )


def test_a_rule_of_many_lines_counts_them() -> None:
    with pytest.raises(RuleError) as caught:
        compile_rule("points > 3\n  AND pionts < 9", CATALOG, at=AT)
    assert (caught.value.at.line, caught.value.at.column) == (4, 7)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 40 + "subscribed" + ")" * 40,
        "NOT " * 300 + "subscribed",
        "points = " + "- " * 300 + "1",
        "CASE WHEN subscribed THEN " * 30 + "1" + " END" * 30 + " = 1",
        "abs(" * 60 + "spend" + ")" * 60 + " > 1",
        "subscribed OR " * 3_000 + "subscribed",
        "spend + " * 900 + "spend > 1",
        "points * " * 300 + "points > 1",
        "points > 1 AND " * 900 + "points > 1",
        "first_name = '" + "x" * 20_000 + "'",
    ],
)
def test_size_and_depth_are_bounded(text: str) -> None:
    with pytest.raises(RuleError, match=r"nested|longer|more than"):
        compile_rule(text, CATALOG, at=AT)


def test_what_is_within_the_bounds_compiles() -> None:
    compile_rule(" OR ".join(f"points = {n}" for n in range(450)), CATALOG, at=AT)
    compile_rule("NOT (" * 11 + "subscribed" + ")" * 11, CATALOG, at=AT)
    for text in ("abs(1.0 + " * 20 + "spend" + ")" * 20 + " > 1", "spend + " * 50 + "spend > 1"):
        rule = compile_rule(text, CATALOG, at=AT)
        assert rule.holds({"spend": 1.0}, CONTEXT) is True
        assert rule.explain({"spend": 1.0}, CONTEXT).holds is True
        frame = pa.table({"profile_id": ["p"], "spend": [1.0]})
        assert evaluate_rules({"r": rule}, frame, now=CONTEXT.now)["r"].to_pylist() == [True]
        for dialect in DIALECTS:
            assert "spend" in rule.sql(dialect)
