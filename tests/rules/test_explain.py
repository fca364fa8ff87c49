"""An explanation names each operand's value, the clause that decided, and what was missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from mailwright.model.trace import Operand
from rules import EventView, RuleContext, compile_rule
from rules.rule import checked
from tests.rules.generate import EXAMPLES, Rules, frames
from tests.rules.schema import AT, CATALOG, NOW

PROFILE: dict[str, Any] = {"profile_id": "p", "points": 1240, "country": "NO", "first_name": None}
CONTEXT = RuleContext(
    NOW,
    {"vip"},
    EventView([{"event": "product_viewed", "at": NOW - timedelta(minutes=1), "category": "shoes"}]),
)


@pytest.mark.parametrize(
    ("text", "holds", "decided_by", "missing"),
    [
        ("points >= 1000 AND segment('vip')", True, "points >= 1000 AND segment('vip')", ()),
        ("points >= 1000 AND segment('new')", False, "segment('new')", ()),
        ("points < 5 OR country = 'NO'", True, "country = 'NO'", ()),
        ("points < 5 OR country = 'SE'", False, "points < 5 OR country = 'SE'", ()),
        ("first_name = 'x' AND points > 5", None, "first_name = 'x'", ("first_name",)),
        (
            "address.city = 'x' AND spend > 5",
            None,
            "address.city = 'x' AND spend > 5",
            ("address.city", "spend"),
        ),
        ("NOT (points > 5 AND segment('vip'))", False, "NOT (points > 5 AND segment('vip'))", ()),
        ("NOT (points < 5 OR segment('vip'))", False, "segment('vip')", ()),
        (
            "(points > 5 AND (country = 'SE' OR visits = 1)) AND segment('vip')",
            None,
            "visits = 1",
            ("visits",),
        ),
    ],
)
def test_decisive_clause(text: str, holds: bool | None, decided_by: str, missing: tuple[str, ...]) -> None:
    outcome = compile_rule(text, CATALOG, at=AT).explain(PROFILE, CONTEXT)
    assert (outcome.holds, outcome.decided_by, outcome.missing) == (holds, decided_by, missing)
    assert outcome.rule == text


def test_operands_have_their_values() -> None:
    text = (
        "points >= 1000 AND first_name <> '' AND segment('vip')"
        " AND count_events('product_viewed', '1 hour', category = 'shoes') >= 1 AND len(tags) > 1"
    )
    outcome = compile_rule(text, CATALOG, at=AT).explain(PROFILE, CONTEXT)
    assert outcome.operands == (
        Operand("points", 1240),
        Operand("first_name", None, missing=True),
        Operand("segment('vip')", True),
        Operand("count_events('product_viewed', '1 hour', category = 'shoes')", 1),
        Operand("len(tags)", None, missing=True),
        Operand("tags", None, missing=True),
    )
    assert outcome.missing == ("first_name", "tags")


@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=Rules().condition(3), frame=frames(max_size=2))
def test_any_rule_explains_itself_as_it_is(text: str, frame: Any) -> None:
    rule = checked(text, CATALOG, AT)
    for profile in frame.to_pylist():
        outcome = rule.explain(profile, CONTEXT)
        assert outcome.holds is rule.holds(profile, CONTEXT)
        assert outcome.decided_by
        assert not outcome.missing or outcome.holds is None
