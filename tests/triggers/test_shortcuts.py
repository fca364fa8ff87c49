"""The shortcuts that make events cheap say what the long way says."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audience import FEATURES
from audience.coerce import coerce
from audience.raw import scalar_column
from audience.rfm import RfmCuts
from mailwright.model.schema import Attribute
from triggers.calls import is_plain, typed_rows
from triggers.features import moved_by
from triggers.profile import LiveProfile
from triggers.runs import Journal, Run

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
CUTS = RfmCuts((1e5, 1e6, 1e7, 2e7), (1.0, 2.0, 3.0, 4.0), (10.0, 20.0, 40.0, 80.0))

EVENTS = ["product_viewed", "product_added", "order_completed", "product_removed", "page_viewed"]
_values = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["", " ", "a ", "\xa0a", "tents", "a\tb", "12", "1e400", "\x00", "\x7f", "é", "x" * 20_001]
    ),
    st.integers(),
    st.sampled_from([2**63, 2**63 - 1, -(2**63), True, False]),
    st.floats(),
)
_attributes = st.one_of(
    st.builds(
        Attribute, type=st.sampled_from(["string", "integer", "number", "boolean", "date", "timestamp"])
    ),
    st.sampled_from(
        [
            Attribute(type="integer", min=0, max=9),
            Attribute(type="string", allowed=("tents", "é")),
            Attribute(type="number", max=2.5),
        ]
    ),
)


@settings(deadline=None)
@given(_values, _attributes)
def test_a_plain_value_is_what_the_long_way_gives(value, attribute):
    if is_plain(value, attribute):
        column, wrong = scalar_column([value], attribute.type)
        typed = coerce({"x": column}, {"x": attribute})["x"]
        assert not wrong
        assert not typed.wrong
        (found,) = typed.values.to_pylist()
        assert type(found) is type(value)
        assert found == value


def test_plain_and_doubtful_values_of_one_column_stand_side_by_side():
    schema = {"n": Attribute(type="integer"), "t": Attribute(type="string")}
    wrong: list[tuple[int, str]] = []
    rows = [{"n": 1, "t": "a"}, {"n": "2", "t": " b "}, {"n": "many", "other": 1}, {"n": None, "t": 3}]
    found = typed_rows(rows, schema, wrong)
    assert found == [{"n": 1, "t": "a"}, {"n": 2, "t": "b"}, {}, {"t": "3"}]
    assert wrong == [(2, "n: not a whole number")]


_rows = st.lists(
    st.builds(
        lambda event, item, ago, quantity: {
            "event": event,
            "item_id": item,
            "at": NOW - timedelta(hours=ago),
            "quantity": quantity,
            "amount": 5.0,
        },
        st.sampled_from(EVENTS),
        st.sampled_from(["a", "b", None]),
        st.integers(0, 5_000),
        st.sampled_from([None, 2]),
    ),
    min_size=2,
    max_size=10,
)


@settings(deadline=None)
@given(_rows)
def test_an_event_moves_no_feature_but_those_that_it_is_said_to_move(rows):
    def all_of(some):
        live = LiveProfile({}, some, category={"a": "A", "b": "B"}.get, cuts=CUTS)
        live.at(NOW)
        return {name: live[name] for name in FEATURES}

    before, after = all_of(rows[:-1]), all_of(rows)
    moved = {name for name in FEATURES if before[name] != after[name]}
    assert moved <= moved_by(rows[-1]["event"])
    live = LiveProfile({}, [], category={"a": "A", "b": "B"}.get, cuts=CUTS)
    live.at(NOW)
    for row in rows:
        live.add(row)
        assert all(not isinstance(live[name], float) or math.isfinite(live[name]) for name in FEATURES)
    assert {name: live[name] for name in FEATURES} == after


def test_a_run_of_very_many_decisions_remembers_the_first_and_the_last():
    import orjson

    run = Run(1, "t", "p", "o", 0, "v", NOW, NOW, b"{}")
    journal = Journal()
    for n in range(500):
        journal.note(NOW, "t", "p", "waits", run=run, detail=f"number {n}")
    told = [entry["detail"] for entry in orjson.loads(run.trace)]
    assert (told[0], told[-1]) == ("number 0", "number 499")
    assert len(run.trace) < 13_000
    assert journal.counts == {("t", "waits", ""): 500}


@pytest.mark.parametrize("trace", [b"[]"])
def test_an_empty_trace_becomes_one_of_one_entry(trace):
    import orjson

    run = Run(1, "t", "p", "o", 0, "v", NOW, NOW, b"{}", trace=trace)
    Journal().note(NOW, "t", "p", "sent", run=run, message_id="m")
    assert orjson.loads(run.trace) == [{"at": NOW.isoformat(), "what": "sent", "message_id": "m"}]
