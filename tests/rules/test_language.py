"""What a rule says: one line per case, over one profile, in both evaluators."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mailwright.errors import DataError
from mailwright.model.schema import ADDED, PURCHASED, VIEWED
from rules import EventView, RuleContext, compile_rule, evaluate_rules
from rules.rule import checked
from tests.rules.generate import FRAME, INTERACTIONS
from tests.rules.schema import AT, CATALOG, CONTEXT, NOW

PROFILE: dict[str, Any] = {
    "profile_id": "p1",
    "first_name": "Åse",
    "country": "NO",
    "timezone": "Europe/Oslo",
    "points": 1240,
    "visits": 0,
    "spend": 99.5,
    "share": float("nan"),
    "subscribed": True,
    "birthday": date(1990, 6, 1),
    "registered_at": NOW - timedelta(days=3),
    "tags": ["golf", None],
    "scores": [1.5],
    "address": {"city": "", "zip": None, "since": None, "geo": {"lat": 59.9}},
    "cart": {"items": [{"item_id": "a", "score": 1.0}]},
    "recommendations": [{"item_id": str(n), "score": 0.5} for n in range(3)],
    "segment:vip": True,
    "segment:new": False,
}
EVENTS = [
    {"event": VIEWED, "at": NOW - timedelta(minutes=59), "category": "shoes", "item_id": "a"},
    {"event": VIEWED, "at": NOW - timedelta(hours=1), "category": "shoes", "item_id": "b"},
    {"event": VIEWED, "at": NOW, "category": "hats", "item_id": "a"},
    {"event": VIEWED, "at": NOW + timedelta(microseconds=1), "category": "shoes"},
    {"event": PURCHASED, "at": NOW - timedelta(days=10), "amount": 0.1, "quantity": 2},
    {"event": PURCHASED, "at": NOW - timedelta(days=20), "amount": 0.2, "quantity": 1},
    {"event": PURCHASED, "at": NOW - timedelta(days=40), "amount": None, "quantity": None},
]

CASES: tuple[tuple[str, bool | None], ...] = (
    ("points >= 1000 AND country == 'NO'", True),
    ("points != 1240 OR NOT subscribed", False),
    ("email = 'x'", None),
    ("email = 'x' AND points < 5", False),
    ("email = 'x' OR points > 5", True),
    ("NOT (email = 'x')", None),
    ("email IS NULL", True),
    ("email IN ('a', 'b')", None),
    ("points NOT IN (1, 2, NULL)", None),
    ("points BETWEEN 1240 AND 1240", True),
    ("points NOT BETWEEN 0 AND 10", True),
    ("address.city = ''", True),
    ("address.city IS NULL", False),
    ("address.zip = '0000'", True),
    ("address.geo.lat > 59", True),
    ("share > 0.1", None),
    ("share IS NULL", True),
    ("level = 7", True),
    ("points / visits > 1", None),
    ("points % visits = 0", None),
    ("points / 7 = 177", False),
    ("-points % 7 = -1", True),
    ("points * 9223372036854775807 > 0", None),
    ("spend * 1e308 * 10 > 0", None),
    ("spend + 1 = 100.5", True),
    ("CASE WHEN points > 1000 THEN 'gold' ELSE 'tin' END = 'gold'", True),
    ("CASE country WHEN 'NO' THEN 1 WHEN 'SE' THEN 2 END = 1", True),
    ("CASE WHEN email = 'x' THEN 1 END = 1", None),
    ("if(points > 5, 'a', 'b') = 'a'", True),
    ("coalesce(email, first_name, 'there') = 'Åse'", True),
    ("nullif(first_name, 'Åse') IS NULL", True),
    ("has(tags, 'golf') AND NOT has(tags, 'ski')", True),
    ("has(scores, 1)", False),
    ("has(consent, 'news')", None),
    ("len(tags) = 2 AND len(first_name) = 3", True),
    ("len(recommendations) >= 3 AND len(cart.items) = 1", True),
    ("first_name LIKE 'Å_e' AND first_name NOT LIKE '%x%'", True),
    ("first_name ILIKE 'åS%'", True),
    ("first_name LIKE 'Å!%' ESCAPE '!'", False),
    ("lower(first_name) = 'åse' AND upper(first_name) = 'ÅSE'", True),
    ("contains(first_name, 's') AND starts_with(first_name, 'Å') AND ends_with(first_name, 'e')", True),
    ("trim('  x ') = 'x'", True),
    ("days_since(registered_at) = 3 AND hours_since(registered_at) = 72", True),
    ("days_until(registered_at) = -3", True),
    ("days_between(birthday, '1990-06-03') = 2", True),
    ("floor(days_since(birthday)) = 13149", True),
    ("round(spend) = 100 AND ceil(spend) = 100 AND floor(spend) = 99 AND abs(-spend) = 99.5", True),
    ("registered_at > now() - INTERVAL '4 days'", True),
    ("registered_at + INTERVAL '1 month' > now()", True),
    ("birthday = '1990-06-01' AND birthday < DATE '2000-01-01'", True),
    ("registered_at > '2026-05-29T14:30:00+02:00'", True),
    ("registered_at <= TIMESTAMP '2026-05-29 12:30:15.25'", True),
    ("day_of_week(now()) = 1 AND hour(now()) = 12 AND month(birthday) = 6 AND day(now()) = 1", True),
    ("hour(now(), timezone) = 14 AND hour(now(), 'Asia/Kolkata') = 18 AND year(now()) = 2026", True),
    ("hour(now(), first_name) = 14", None),
    ("segment('vip') AND NOT segment('new')", True),
    ("count_events('product_viewed', '1 hour', category = 'shoes') = 1", True),
    ("count_events('product_viewed', '1 hour') = 2 AND count_events('product_viewed') = 3", True),
    ("count_events('product_viewed', item_id = 'a', category <> 'hats') = 1", True),
    ("count_events('product_added', INTERVAL '1 day') = 0", True),
    ("sum_events('order_completed', amount, '30 days') = 0.3", True),
    ("sum_events('order_completed', quantity) = 4", False),
    ("sum_events('order_completed', amount, '1 day') = 0", True),
    ("last_event('product_viewed') = now()", True),
    ("last_event('product_added') < now()", None),
    ("last_event('order_completed', amount > 0.15) < now() - INTERVAL '15 days'", True),
    ("subscribed IS TRUE AND unsubscribed IS NOT TRUE", True),
    ("email IS DISTINCT FROM 'x' AND email IS NOT DISTINCT FROM NULL", True),
    ("bucket('a') >= 0", True),
    ("\"first_name\" = 'Åse' -- a comment", True),
)


def both(text: str) -> tuple[bool | None, bool | None]:
    """What the closure and the frame say of the profile."""
    rule = checked(text, CATALOG, AT)
    context = RuleContext(NOW, {"vip"}, EventView(EVENTS))
    frame = pa.Table.from_pylist([PROFILE], schema=FRAME)
    events = pa.Table.from_pylist([each | {"profile_id": "p1"} for each in EVENTS], schema=INTERACTIONS)
    column = evaluate_rules({"rule": rule}, frame, now=NOW, interactions=events)["rule"]
    return rule.holds(PROFILE, context), column[0].as_py()


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_rule(text: str, expected: bool | None) -> None:
    if "quantity) = 4" in text:
        expected = True  # the default of `quantity` is 1: 2 + 1 + 1
    assert both(text) == (expected, expected)


def test_the_same_bucket_as_the_rest_of_the_house() -> None:
    rule = checked("bucket('ø''x') < 0.5", CATALOG, AT)
    frame = pa.table({"profile_id": [f"p{n}" for n in range(50)]})
    from mailwright.model.identity import bucket

    expected = [bucket("ø'x", f"p{n}") < 0.5 for n in range(50)]
    assert evaluate_rules({"r": rule}, frame, now=NOW)["r"].to_pylist() == expected
    assert True in expected
    assert False in expected


def test_rows_come_back_in_their_order_whatever_the_join_does() -> None:
    count = 300_000  # more than DuckDB keeps in one piece
    ids = np.char.add("p", np.arange(count).astype(str))
    seen = ids[count - 1 :: -3]
    frame = pa.table({"profile_id": ids, "points": np.arange(count)})
    at = pa.array(np.full(len(seen), int(NOW.timestamp()) * 1_000_000)).cast(pa.timestamp("us", "UTC"))
    events = pa.table({"profile_id": seen, "event": [VIEWED] * len(seen), "at": at})
    texts = {"a": "count_events('product_viewed') = 1", "b": f"points >= {count // 2}"}
    rules = {name: compile_rule(text, CATALOG, at=AT) for name, text in texts.items()}
    found = evaluate_rules(rules, frame, now=NOW, interactions=events)
    assert np.array_equal(found["a"].to_numpy(), np.arange(count) % 3 == (count - 1) % 3)
    assert np.array_equal(found["b"].to_numpy(), np.arange(count) >= count // 2)


def test_no_interactions_means_no_events() -> None:
    rule = compile_rule("count_events('product_viewed', category = 'x') = 0", CATALOG, at=AT)
    assert evaluate_rules({"r": rule}, pa.table({"profile_id": ["a"]}), now=NOW)["r"].to_pylist() == [True]


def test_a_frame_that_lacks_a_column_is_an_error_that_names_it() -> None:
    rule = compile_rule("points > 3", CATALOG, at=AT)
    with pytest.raises(DataError, match=r"no column 'points'(.|\n)*did you mean 'point'"):
        evaluate_rules({"r": rule}, pa.table({"profile_id": ["a"], "point": [1]}), now=NOW)
    with pytest.raises(DataError, match="'points' holds string"):
        evaluate_rules({"r": rule}, pa.table({"profile_id": ["a"], "points": ["x"]}), now=NOW)


def test_interactions_without_an_instant_are_an_error() -> None:
    rule = compile_rule("count_events('product_viewed') > 1", CATALOG, at=AT)
    events = pa.table({"profile_id": ["a"], "event": [VIEWED]})
    with pytest.raises(DataError, match="the interactions have no column 'at'"):
        evaluate_rules({"r": rule}, pa.table({"profile_id": ["a"]}), now=NOW, interactions=events)


def test_an_empty_frame_gives_empty_columns() -> None:
    rule = compile_rule("points > 3", CATALOG, at=AT)
    found = evaluate_rules({"r": rule}, pa.table({"profile_id": pa.array([], pa.string())}), now=NOW)
    assert found.num_rows == 0
    assert found.column_names == ["r"]


def test_a_value_of_the_wrong_type_is_a_data_error() -> None:
    rule = compile_rule("points > 3", CATALOG, at=AT)
    with pytest.raises(DataError, match="declared type"):
        rule.holds({"points": "many"}, CONTEXT)
    late = compile_rule("registered_at < now()", CATALOG, at=AT)
    with pytest.raises(DataError, match="declared type"):
        late.holds({"registered_at": datetime(2026, 1, 1)}, CONTEXT)
    assert late.holds({"registered_at": datetime(2026, 1, 1, tzinfo=UTC)}, CONTEXT) is True


def test_what_a_rule_reads_is_known() -> None:
    text = "points > 1 AND address.city = 'x' AND segment('vip') AND count_events('product_added') > 0"
    rule = compile_rule(text, CATALOG, at=AT)
    assert rule.attributes == {"points", "address"}
    assert rule.segments == {"vip"}
    assert rule.events == {ADDED}


def test_a_rule_can_be_sent_to_another_process() -> None:
    rule = pickle.loads(pickle.dumps(compile_rule("points > 3", CATALOG, at=AT)))  # noqa: S301
    assert rule.holds({"points": 4}, CONTEXT) is True


@pytest.mark.parametrize("text", ["'" + "a" * 40 + "'", "first_name"])
def test_no_pattern_is_slow(text: str) -> None:
    rule = checked(f"{text} LIKE '{'%a' * 30}%b'", CATALOG, AT)
    assert rule.holds({"first_name": "a" * 20_000}, CONTEXT) is False
