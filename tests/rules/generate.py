"""Random rules, profiles and events, for the proofs that evaluators agree."""

from __future__ import annotations

import math
import os
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from mailwright.model.schema import ADDED, PURCHASED, VIEWED, Attribute
from tests.rules.schema import ATTRIBUTES, EVENT, NOW

EXAMPLES = int(os.environ.get("MAILWRIGHT_EXAMPLES", "50"))
"""How hard the proofs look; set the variable to look harder."""

WORDS = ("", " ", "a", "A", "golf", "Golf ", "Åse", "ÅSE", "İ", "ΣΑΣ", "ς", "ß", "ẞ", "é", "e\u0301", "🤦🏼‍♂️")
WORDS += ("%", "_", "a_b", "50%", "O'Hara", "back\\slash", "line\nbreak", "NULL", "nan", "#!", "日本語")
INTEGERS = (0, 1, -1, 2, 3, 7, 10, 1000, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))
NUMBERS = (0.0, -0.0, 0.1, 0.3, 0.5, 1.0, -1.5, 2.5, 3.0, 1e-300, 1e300, -1e308, 1.7976931348623157e308)
NUMBERS += (5e-324, float(2**53), 9.2e18)
ODD = (math.nan, math.inf, -math.inf)
INSTANTS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "2026-06-01T12:30:15.250000", "2026-06-01T12:30:15.250001", "2026-05-31T23:59:59.999999",
        "2026-05-02T12:30:15.25", "2024-02-29T00:00:00", "2026-03-29T01:00:00", "2025-10-26T00:30:00",
        "1970-01-01T00:00:00", "1969-12-31T23:59:59.999999", "1900-01-01T00:00:00", "0001-01-01T00:00:00",
        "9999-12-31T23:59:59.999999", "2027-01-31T10:00:00", "2099-12-31T23:30:00",
    )
)  # fmt: skip
DATES = tuple(instant.date() for instant in INSTANTS)
ZONES = ("Europe/Oslo", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC", "Mars/Base", "EST", "")

words = st.sampled_from(WORDS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5
)
integers = st.sampled_from(INTEGERS) | st.integers(-5, 5)
numbers = st.sampled_from(NUMBERS) | st.floats(-10, 10)
instants = st.sampled_from(INSTANTS) | st.integers(-100 * 86_400, 100 * 86_400).map(
    lambda seconds: NOW + timedelta(seconds=seconds)
)
dates = st.sampled_from(DATES) | instants.map(lambda instant: instant.date())


def value(attribute: Attribute) -> st.SearchStrategy[Any]:
    """A value that the attribute may have, or None."""
    if attribute.allowed is not None:
        return st.none() | st.sampled_from(attribute.allowed)
    if isinstance(attribute.min, int | float):
        top = attribute.max if isinstance(attribute.max, int | float) else 1e6
        whole = attribute.type == "integer"
        return st.none() | (
            st.integers(int(attribute.min), int(top)) if whole else st.floats(attribute.min, top)
        )
    return st.none() | _known(attribute)


def _known(attribute: Attribute) -> st.SearchStrategy[Any]:
    if attribute.type == "list":
        assert attribute.items is not None
        return st.lists(value(attribute.items), max_size=3)
    if attribute.type == "object":
        assert attribute.fields is not None
        return st.fixed_dictionaries({name: value(member) for name, member in attribute.fields.items()})
    simple: dict[str, st.SearchStrategy[Any]] = {
        "string": words,
        "integer": integers,
        "number": numbers | st.sampled_from(ODD),
        "boolean": st.booleans(),
        "date": dates,
        "timestamp": instants,
    }
    return simple[attribute.type]


def arrow_type(attribute: Attribute) -> pa.DataType:
    """The attribute's type in a frame."""
    if attribute.items is not None:
        return pa.list_(arrow_type(attribute.items))
    if attribute.fields is not None:
        return pa.struct([(name, arrow_type(member)) for name, member in attribute.fields.items()])
    return {
        "string": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
    }[attribute.type]


FRAME = pa.schema(
    [(name, arrow_type(attribute)) for name, attribute in ATTRIBUTES.items()]
    + [("segment:vip", pa.bool_()), ("segment:new", pa.bool_())]
)
INTERACTIONS = pa.schema([(name, arrow_type(attribute)) for name, attribute in EVENT.items()])


@st.composite
def frames(draw: st.DrawFn, max_size: int = 8) -> pa.Table:
    """Profiles p0, p1, …"""
    zones = {"timezone": st.none() | st.sampled_from(ZONES)}
    row = st.fixed_dictionaries(
        {name: zones.get(name, value(attribute)) for name, attribute in ATTRIBUTES.items()}
        | {name: st.booleans() for name in ("segment:vip", "segment:new")}
    )
    rows = draw(st.lists(row, min_size=1, max_size=max_size))
    return pa.Table.from_pylist([each | {"profile_id": f"p{n}"} for n, each in enumerate(rows)], schema=FRAME)


@st.composite
def interactions(draw: st.DrawFn, max_size: int = 12) -> pa.Table:
    """Events of profiles p0 … p3, some of them in the future."""
    row = st.fixed_dictionaries(
        {name: value(attribute) for name, attribute in EVENT.items()}
        | {
            "profile_id": st.sampled_from(["p0", "p1", "p2", "p3", None]),
            "event": st.sampled_from([VIEWED, PURCHASED, ADDED]),
            "at": st.integers(-9, 1).map(lambda hours: NOW + timedelta(hours=hours * 12)) | instants,
        }
    )
    return pa.Table.from_pylist(draw(st.lists(row, max_size=max_size)), schema=INTERACTIONS)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literal(thing: Any) -> str:
    """The literal of the rule language for a value."""
    if isinstance(thing, str):
        return quoted(thing)
    if isinstance(thing, datetime):
        return f"TIMESTAMP '{thing.isoformat(' ')}'"
    if isinstance(thing, date):
        return f"DATE '{thing.isoformat()}'"
    if isinstance(thing, int) and thing == -(2**63):
        return "(-9223372036854775807 - 1)"
    return repr(thing)


_OPERATORS = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "==", "!="])
_INTERVALS = st.sampled_from(["1 hour", "36 hours", "3 days", "1 month", "13 months", "1 year", "90 minutes"])


def _some(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


def _form(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda drawn: template.format(*drawn))


class Rules:
    """Strategies of expressions by kind, no deeper than ``depth``."""

    def __init__(self, *, events: bool = True, zones: bool = True, folding: bool = True) -> None:
        self._events, self._zones, self._folding = events, zones, folding

    @cache  # noqa: B019 the same strategies again and again
    def condition(self, depth: int) -> st.SearchStrategy[str]:
        """Text of kind boolean."""
        simple = [
            _some("subscribed", "unsubscribed", "segment('vip')", "segment('new')", "TRUE", "FALSE", "NULL"),
            _some("(country = 'NO')", "(country IN ('SE', 'DK'))", "(share > 1)", "(level IS NULL)"),
            self._comparison(0),
            _form("({} IS {}NULL)", self.any(0), _some("", "NOT ")),
        ]
        if depth == 0:
            return st.one_of(simple)
        below = st.deferred(lambda: self.condition(depth - 1))
        return st.one_of(
            *simple,
            self._comparison(depth),
            _form("({} AND {})", below, below),
            _form("({} OR {})", below, below),
            _form("(NOT {})", below),
            _form("({} IS {}TRUE)", below, _some("", "NOT ")),
            _form("({} IS {}FALSE)", below, _some("", "NOT ")),
            _form("(CASE WHEN {} THEN {} ELSE {} END)", below, below, below),
            self._text_test(depth),
            _form("has(tags, {})", self.string(0)),
            _form("has(scores, {})", self.number(0)),
        )

    @cache  # noqa: B019 the same strategies again and again
    def _comparison(self, depth: int) -> st.SearchStrategy[str]:
        kinds = (self.string, self.integer, self.number, self.instant, self.day)
        plain = [_form("({} {} {})", kind(depth), _OPERATORS, kind(0)) for kind in kinds]
        mixed = [
            _form("({} {} {})", self.integer(depth), _OPERATORS, self.number(0)),
            _form("({} {} {})", self.instant(depth), _OPERATORS, self.day(0)),
            _form("({} BETWEEN {} AND {})", self.number(depth), self.number(0), self.integer(0)),
            _form("({} NOT BETWEEN {} AND {})", self.instant(depth), self.instant(0), self.day(0)),
            _form("({} IS {}DISTINCT FROM {})", self.string(depth), _some("", "NOT "), self.string(0)),
            _form("({} IS DISTINCT FROM {})", self.number(depth), self.number(0)),
        ]  # fmt: skip
        within = [
            _form("({} {}IN ({}, {}))", kind(depth), _some("", "NOT "), one, two | _some("NULL"))
            for kind, one, two in (
                (self.string, words.map(quoted), words.map(quoted)),
                (self.integer, st.integers(-9, 9).map(str), numbers.map(repr)),
                (self.instant, instants.map(literal), dates.map(literal)),
            )
        ]
        return st.one_of(*plain, *mixed, *within)

    @cache  # noqa: B019 the same strategies again and again
    def _text_test(self, depth: int) -> st.SearchStrategy[str]:
        pieces = st.sampled_from(["%", "_", "a", "A", "Å", "å", "ς", "Σ", "o", "é", "!", "\n", "\\"])
        pattern = st.lists(pieces, max_size=5).map("".join)
        return st.one_of(
            _form("({} {}LIKE {})", self.string(depth - 1), _some("", "NOT "), pattern.map(quoted)),
            _form(
                f"({{}} {{}}{'ILIKE' if self._folding else 'LIKE'} {{}})",
                self.string(depth - 1),
                _some("", "NOT "),
                pattern.map(quoted),
            ),
            _form("({} LIKE {} ESCAPE '!')", self.string(0), _some("'50!%'", "'%!_%'", "'!!%'", "'a!%_'")),
            _form(
                "{}({}, {})", _some("contains", "starts_with", "ends_with"), self.string(0), self.string(0)
            ),
        )

    @cache  # noqa: B019 the same strategies again and again
    def any(self, depth: int) -> st.SearchStrategy[str]:
        """Text of any kind."""
        kinds = (self.string, self.integer, self.number, self.instant, self.day)
        return st.one_of(
            *(kind(depth) for kind in kinds), _some("tags", "address", "cart", "recommendations")
        )

    @cache  # noqa: B019 the same strategies again and again
    def string(self, depth: int) -> st.SearchStrategy[str]:
        """Text of kind string."""
        simple = _some("first_name", "locale", "address.city", "address.zip", "timezone", "profile_id")
        leaf = simple | words.map(quoted)
        if depth <= 0:
            return leaf
        below = st.deferred(lambda: self.string(depth - 1))
        return st.one_of(
            leaf,
            _form("{}({})", _some("trim", *(("lower", "upper") if self._folding else ())), below),
            _form("coalesce({}, {})", below, below),
            _form("nullif({}, {})", below, below),
            _form("(CASE WHEN {} THEN {} END)", self.condition(depth - 1), below),
        )

    @cache  # noqa: B019 the same strategies again and again
    def integer(self, depth: int) -> st.SearchStrategy[str]:
        """Text of kind integer."""
        leaf = _some("points", "visits", "level", "len(tags)", "len(cart.items)", "len(first_name)")
        leaf |= _some("len(recommendations)") | integers.map(literal)
        if self._events:
            leaf |= self._counts()
        if depth <= 0:
            return leaf
        below = st.deferred(lambda: self.integer(depth - 1))
        return st.one_of(
            leaf,
            _form("({} {} {})", below, st.sampled_from("+-*%"), below),
            _form("(- {})", below),
            _form("abs({})", below),
            _form("coalesce({}, {})", below, below),
            self._calendar(depth),
        )

    @cache  # noqa: B019 the same strategies again and again
    def _counts(self) -> st.SearchStrategy[str]:
        window = _INTERVALS.map(quoted)
        return st.one_of(
            _form("count_events('product_viewed', {})", window),
            _some("count_events('product_added')", "sum_events('order_completed', quantity)"),
            _form("count_events('product_viewed', {}, category = {})", window, words.map(quoted)),
            _form("sum_events('order_completed', quantity, {}, amount > {})", window, numbers.map(repr)),
        )

    @cache  # noqa: B019 the same strategies again and again
    def _calendar(self, depth: int) -> st.SearchStrategy[str]:
        part = _some("day_of_week", "hour", "day", "month", "year")
        here = _form("{}({})", part, self.instant(depth - 1))
        if not self._zones:
            return here
        there = _form(
            "{}({}, {})", part, self.instant(depth - 1), _some("timezone", "'Europe/Oslo'", "'UTC'")
        )
        return here | there

    @cache  # noqa: B019 the same strategies again and again
    def number(self, depth: int) -> st.SearchStrategy[str]:
        """Text of kind number."""
        leaf = _some("spend", "share", "address.geo.lat", "bucket('a')", "bucket('ø')") | numbers.map(repr)
        if self._events:
            window = _INTERVALS.map(quoted)
            leaf |= _some("sum_events('order_completed', amount)")
            leaf |= _form("sum_events('order_completed', rebate, {})", window)
        if depth <= 0:
            return leaf
        below = st.deferred(lambda: self.number(depth - 1))
        return st.one_of(
            leaf,
            _form("({} {} {})", below, st.sampled_from("+-*/%"), below),
            _form("({} / {})", self.integer(depth - 1), self.integer(0)),
            _form("{}({})", _some("abs", "floor", "ceil", "round", "-"), below),
            _form("{}({})", _some("days_since", "hours_since", "minutes_until"), self.instant(depth - 1)),
            _form("days_between({}, {})", self.instant(depth - 1), self.day(0)),
        )

    @cache  # noqa: B019 the same strategies again and again
    def instant(self, depth: int) -> st.SearchStrategy[str]:
        """Text of kind timestamp."""
        leaf = _some("registered_at", "last_purchase_at", "address.since", "now()") | instants.map(literal)
        if self._events:
            leaf |= _some("last_event('product_viewed')", "last_event('order_completed', amount > 1)")
        if depth <= 0:
            return leaf
        below = st.deferred(lambda: self.instant(depth - 1))
        return leaf | _form("({} {} INTERVAL {})", below, _some("+", "-"), _INTERVALS.map(quoted))

    @cache  # noqa: B019 the same strategies again and again
    def day(self, depth: int) -> st.SearchStrategy[str]:
        """Text of kind date."""
        del depth
        return _some("birthday") | dates.map(literal)
