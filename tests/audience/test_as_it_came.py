"""A column that is only looked over has the values that the query for doubtful ones gives."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audience import coerce as room
from audience.arrow import arrow_type
from mailwright.model.schema import Attribute

_VALUES = {
    "string": st.one_of(
        st.text(max_size=5), st.sampled_from(["", " ", " a ", "a\tb", "\x00", "\x7f", "\x85", "x" * 20_001])
    ),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(),
    "boolean": st.booleans(),
    "date": st.dates(),
    "timestamp": st.one_of(
        st.datetimes(timezones=st.just(UTC)),
        st.sampled_from([datetime(1, 1, 1, 23, 59, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]),
    ),
}
_BOUNDS = {
    "integer": [{"min": 0}, {"max": 9}, {"min": -(2**63), "max": 2**63 - 1}],
    "number": [{"min": 0.0}, {"max": 2.5}],
    "string": [{"allowed": ("a", "")}],
    "date": [{"min": date(2000, 1, 1)}],
}


@st.composite
def _columns(draw):
    kind = draw(st.sampled_from(sorted(_VALUES)))
    attribute = Attribute(type=kind, **draw(st.sampled_from([{}, *_BOUNDS.get(kind, [])])))
    values = draw(st.lists(st.none() | _VALUES[kind], min_size=1, max_size=6))
    return pa.array(values, arrow_type(attribute)), attribute


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_columns())
@example((pa.array(["", None, "a"]), Attribute(type="string")))
@example((pa.array([1.0, float("nan")]), Attribute(type="number")))
def test_a_column_looked_over_is_the_column_asked_about(monkeypatch, made):
    column, attribute = made
    looked = room.coerce({"": column}, {"": attribute})[""]
    with monkeypatch.context() as patched:
        patched.setattr(room, "_as_it_came", lambda *_: None)
        asked = room.coerce({"": column}, {"": attribute})[""]
    assert looked.values.to_pylist() == asked.values.to_pylist()
    assert looked.wrong == asked.wrong
