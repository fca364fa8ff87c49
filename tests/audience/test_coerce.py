"""From texts to typed columns: each value keeps its row, and means the same however often it comes."""

from __future__ import annotations

import pyarrow as pa
import pytest

import audience.coerce
from audience.address import check_address, check_addresses
from audience.coerce import coerce
from audience.distinct import FEWEST_ROWS
from mailwright.model.schema import Attribute
from tests.audience.test_address import BAD, GOOD

SCHEMA = {
    "name": Attribute(type="string"),
    "tier": Attribute(type="string", allowed=("gold", "silver")),
    "points": Attribute(type="integer", min=0),
    "spend": Attribute(type="number"),
    "member": Attribute(type="boolean"),
    "born": Attribute(type="date"),
    "joined": Attribute(type="timestamp"),
    "tags": Attribute(type="list", items=Attribute(type="string")),
    "home": Attribute(type="object", fields={"city": Attribute(type="string")}),
}
WRITTEN = {
    "name": ["Kari", " Ola ", "\u00a0Bj\u00f8rn\ufeff", "", " \t ", "a\x07b", None],
    "tier": ["gold", "bronze", "silver", " gold", None, "Gold", "gold"],
    "points": ["1", "-1", "1.0", "1.5", " 12 ", "many", "9223372036854775808"],
    "spend": ["1e3", "nan", "inf", ".5", "1,5", " 2 ", None],
    "member": ["yes", "NO", "1", "0", "perhaps", "", "True"],
    "born": ["1990-02-30", "1990-02-28", "90-01-01", " 1990-01-01", "", None, "0000-01-01"],
    "joined": ["2026-01-01", "2026-01-01T09:00Z", "soon", "9999-12-31", "", None, "2026-01-01 09:00:00+02"],
    "tags": ["a;b", '["a", "b"]', "[1", ";", "", None, '["a", {}]'],
    "home": ['{"city": "Oslo"}', '{"town": "Oslo"}', "{}", "Oslo", "", None, '{"city": 7}'],
}


def columns(times: int) -> dict[str, pa.Array]:
    return {name: pa.array(values * times, pa.string()) for name, values in WRITTEN.items()}


def test_a_value_that_comes_often_is_what_it_is_alone():
    rows, times = len(WRITTEN["name"]), FEWEST_ROWS
    once, often = coerce(columns(1), SCHEMA), coerce(columns(times), SCHEMA)
    for name in SCHEMA:
        assert often[name].values.to_pylist() == once[name].values.to_pylist() * times
        wrong = {at + rows * n: what for n in range(times) for at, what in once[name].wrong.items()}
        assert often[name].wrong == wrong


@pytest.mark.parametrize("times", [1, FEWEST_ROWS])
def test_values_keep_their_rows_in_whatever_order_the_database_delivers(monkeypatch, times):
    straight = coerce(columns(times), SCHEMA)
    ask = audience.coerce.query

    def backwards(*given, **tables):
        answer = ask(*given, **tables)
        return answer.take(pa.array(range(answer.num_rows))[::-1])

    monkeypatch.setattr(audience.coerce, "query", backwards)
    turned = coerce(columns(times), SCHEMA)
    for name in SCHEMA:
        assert turned[name].values.equals(straight[name].values)
        assert turned[name].wrong == straight[name].wrong


def test_a_column_of_addresses_is_judged_as_each_of_them():
    emails = [*GOOD, *BAD, None, "a@b.c" + "o" * 60, "A.B@c-d.Example", "a@b.c1", "a@b.co\n", "a@b\u00a0.co"]
    kept, problems, keys = check_addresses(pa.array(emails, pa.string()))
    judged = [check_address(email) for email in emails]
    assert problems.to_pylist() == [problem for problem, _ in judged]
    assert keys.to_pylist() == [key for _, key in judged]
    assert kept.to_pylist() == [
        None if problem else email.strip() for email, (problem, _) in zip(emails, judged, strict=True)
    ]
