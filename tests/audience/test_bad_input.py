"""Hostile and broken sources: one clear message with the place and the fix, or a row listed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from audience import distinct, read_audience, tabular
from mailwright.errors import DataError
from mailwright.model import WorkspaceSpec

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(autouse=True, params=["small", "large"])
def size(request, monkeypatch):
    """In large sources texts are held once each; here in all of them."""
    if request.param == "large":
        monkeypatch.setattr(tabular, "_LARGE", 0)
        monkeypatch.setattr(distinct, "FEWEST_ROWS", 0)
        for room in (tabular, distinct):
            monkeypatch.setattr(room, "SHARE", 2)


def spec(**data):
    return WorkspaceSpec.model_validate(
        {
            "name": "Shop",
            "sender": {"name": "Shop", "email": "shop@shop.example"},
            "data": {"profiles": {"path": "profiles.csv"}, "max_reject_rate": 1, **data},
            "profile": {
                "first_name": {"type": "string", "pii": "direct"},
                "points": {"type": "integer", "default": 0, "min": 0, "max": 1000},
                "spend": {"type": "number"},
                "member": {"type": "boolean"},
                "born": {"type": "date", "min": "1920-01-01"},
                "joined": {"type": "timestamp"},
                "tier": {"type": "string", "allowed": ["gold", "silver"]},
                "tags": {"type": "list", "items": {"type": "string"}},
                "address": {
                    "type": "object",
                    "fields": {"city": {"type": "string"}, "floor": {"type": "integer"}},
                },
            },
        }
    )


def read(root: Path, text: str | bytes, name: str = "profiles.csv", **options):
    path = root / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_audience(root, spec(profiles={"path": name, **options}), now=NOW)


def refuse(root: Path, text: str | bytes, name: str = "profiles.csv", **options) -> str:
    with pytest.raises(DataError) as caught:
        read(root, text, name, **options)
    return str(caught.value)


def values(audience, name):
    return audience.profiles.column(name).to_pylist()


def wrong(audience):
    return {f"{p.row} {p.attribute}: {p.what}" for p in audience.report.problems}


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "profile.csv").write_text("x")
    with pytest.raises(
        DataError, match=r"data\.profiles\.path: there is no file profiles\.csv\n.*'profile\.csv'"
    ):
        read_audience(tmp_path, spec(), now=NOW)


def test_an_unknown_column_names_line_column_and_the_nearest(tmp_path):
    message = refuse(tmp_path, "profile_id,pionts\na,1\n")
    assert "profiles.csv:1:2: unknown column 'pionts'" in message
    assert "did you mean 'points'?" in message


def test_a_column_can_be_left_out_or_renamed(tmp_path):
    audience = read(tmp_path, "id,scratch\na,1\n", columns={"id": "profile_id", "scratch": None})
    assert values(audience, "profile_id") == ["a"]
    assert "no column 'idd'" in refuse(tmp_path, "id\na\n", columns={"idd": "profile_id"})
    assert "is both 'id' and 'profile_id'" in refuse(
        tmp_path, "id,profile_id\na,b\n", columns={"id": "profile_id"}
    )


def test_a_source_without_the_required_column_rejects_every_row(tmp_path):
    audience = read(tmp_path, "email\na@b.example\n")
    assert audience.profiles.num_rows == 0
    assert wrong(audience) == {"2 profile_id: missing"}


@pytest.mark.parametrize("text", ["", "\n", "\ufeff\n"])
def test_an_empty_file_says_so(tmp_path, text):
    assert "no header" in refuse(tmp_path, text)


def test_a_header_alone_is_an_audience_of_nobody(tmp_path):
    assert read(tmp_path, "profile_id,email\n").profiles.num_rows == 0


def test_an_unknown_format_is_refused(tmp_path):
    assert "does not say its format" in refuse(tmp_path, "x", "profiles.xlsx")


def test_a_file_that_is_not_what_its_name_says(tmp_path):
    assert "not a Parquet file" in refuse(tmp_path, "profile_id\na\n", "profiles.parquet")


def test_torn_rows_bytes_that_are_no_text_and_line_breaks_keep_their_row_numbers(tmp_path):
    text = b'\xef\xbb\xbfprofile_id,first_name\na,"two\nlines"\n\nb,x,y\nc,\xff\xfe\nd,Kari\n'
    audience = read(tmp_path, text)
    assert values(audience, "profile_id") == ["a", "c", "d"]
    assert values(audience, "first_name") == ["two\nlines", None, "Kari"]
    assert wrong(audience) == {"4 : 3 columns instead of 2", "5 first_name: not UTF-8 text"}


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("a,b\n1,2\n", True),
        ('a,b\n"1, ""one""",2\r\n3,""', True),
        ('a,b\n"1\n2",3\n', False),
        ('a,b\n1,"2\r3"\n', False),
        ('a,b\n5" pipe,"1\n2"\n', False),
        ('a,b\n1,2\n"3', False),
    ],
)
def test_values_of_several_lines_are_known_before_threads_share_a_file(tmp_path, text, whole):
    (tmp_path / "x.csv").write_text(text, newline="")
    assert tabular._has_whole_lines(tmp_path / "x.csv") == whole


def test_an_unclosed_quote_is_an_error_and_not_a_hang(tmp_path):
    try:
        audience = read(tmp_path, 'profile_id,first_name\na,"never closed\nb,x\n')
    except DataError:
        return
    assert audience.profiles.num_rows + len(audience.report.problems) >= 1


SCALARS = [
    ("points", "12", 12),
    ("points", " 12 ", 12),
    ("points", "12.0", 12),
    ("points", "12.5", "not a whole number"),
    ("points", "1_000", "not a whole number"),
    ("points", "0x10", "not a whole number"),
    ("points", "99999999999999999999", "not a whole number"),
    ("points", "1001", "above 1000"),
    ("points", "-1", "below 0"),
    ("points", "", 0),
    ("spend", "1e3", 1000.0),
    ("spend", "12,50", "not a number"),
    ("spend", "NaN", "not a number"),
    ("spend", "inf", "not a number"),
    ("spend", "1e999", "not a number"),
    ("member", "yes", True),
    ("member", "FALSE", False),
    ("member", "perhaps", "not true or false"),
    ("born", "1980-05-17", "1980-05-17"),
    ("born", "17.05.1980", "not a date (2026-11-20)"),
    ("born", "1980-02-30", "not a date (2026-11-20)"),
    ("born", "1919-12-31", "below 1920-01-01"),
    ("born", "0000-01-01", "not a date (2026-11-20)"),
    ("joined", "2026-11-20T10:00:00+01:00", "2026-11-20 09:00:00+00:00"),
    ("joined", "2026-11-20 09:00", "2026-11-20 09:00:00+00:00"),
    ("joined", "2026-11-20", "2026-11-20 00:00:00+00:00"),
    ("joined", "yesterday", "not a time (2026-11-20T09:00:00Z)"),
    ("joined", "9999-12-31T23:59:59Z", "not a time (2026-11-20T09:00:00Z)"),
    ("joined", "infinity", "not a time (2026-11-20T09:00:00Z)"),
    ("tier", "gold", "gold"),
    ("tier", "Gold", "not one of gold, silver"),
    ("first_name", "a\x00b", "control characters"),
    ("first_name", "\u00a0", None),
    ("first_name", "x" * 20_001, "longer than 20000 characters"),
    ("first_name", "<script>alert(1)</script>", "<script>alert(1)</script>"),
    ("first_name", "Åse 🌲 李", "Åse 🌲 李"),
]


@pytest.mark.parametrize("name", ["profiles.csv", "profiles.jsonl"])
def test_a_value_is_what_it_says_or_set_aside(tmp_path, name):
    """All cases as rows of one file."""
    names = list(dict.fromkeys(case[0] for case in SCALARS))
    rows = [{"profile_id": f"{n:03}", attribute: text} for n, (attribute, text, _) in enumerate(SCALARS)]
    if name.endswith("csv"):
        lines = [",".join(f'"{row.get(c, "")}"' for c in ("profile_id", *names)) for row in rows]
        audience = read(tmp_path, "\n".join([",".join(("profile_id", *names)), *lines]), name)
    else:
        audience = read(tmp_path, "\n".join(map(json.dumps, rows)), name)
    first = 2 if name.endswith("csv") else 1
    problems = {(p.row - first, p.attribute): p.what for p in audience.report.problems}
    for n, (attribute, text, expected) in enumerate(SCALARS):
        value = values(audience, attribute)[n]
        if attribute in ("born", "joined") and value is not None:
            value = str(value)
        if what := problems.pop((n, attribute), None):
            assert (what, value) == (expected, 0 if attribute == "points" else None), text[:40]
        else:
            assert value == expected, text[:40]
    assert not problems


def test_json_values_of_other_types(tmp_path):
    audience = read(
        tmp_path,
        '{"profile_id": 7, "points": 3, "member": true, "spend": 2}\n'
        '{"profile_id": "b", "points": true, "member": 1, "spend": "x", "first_name": {"a": 1}}\n'
        '{"profile_id": "c", "points": 1e400, "first_name": [1], "born": 5, "tier": 3}\n'
        '{"profile_id": "d", "points": 92233720368547758089}\n'
        '["not", "an", "object"]\n'
        '{"profile_id": "e"\n',
        "profiles.jsonl",
    )
    assert values(audience, "profile_id") == ["7", "b", "d"]
    assert "5 : not a JSON object" in wrong(audience)
    assert "2 first_name: not a string" in wrong(audience)
    assert any(w.startswith("6 : not JSON") for w in wrong(audience))


def test_lists_and_objects(tmp_path):
    audience = read(
        tmp_path,
        "profile_id,tags,address\n"
        'a,golf;ski,"{""city"": ""Oslo"", ""floor"": 2}"\n'
        'b,"[""golf"", 5]","{""city"": ""Oslo"", ""floor"": ""high""}"\n'
        'c,"[1,",Oslo\n'
        'd,,"{""town"": 1}"\n'
        'e,"[[1]]","[]"\n',
    )
    assert values(audience, "tags") == [["golf", "ski"], ["golf", "5"], None, None, None]
    assert values(audience, "address")[:2] == [{"city": "Oslo", "floor": 2}, {"city": "Oslo", "floor": None}]
    assert {w for w in wrong(audience) if not w.startswith("3")} >= {
        "4 tags: not JSON",
        "4 address: not an object",
        "5 address: it has an unknown member 'town'",
        "6 tags: an element is not a string",
        "6 address: not an object",
    }


def test_parquet_of_other_types_is_converted_or_set_aside(tmp_path):
    table = pa.table(
        {
            "profile_id": pa.array([17850.0, 17851.0]),
            "points": pa.array([3.0, float("nan")]),
            "spend": pa.array([None, 5], pa.decimal128(10, 2)),
            "joined": pa.array([datetime(2026, 1, 1), None], pa.timestamp("ns")),
            "tier": pa.array(["gold", "tin"]).dictionary_encode(),
            "tags": pa.array([["a"], None], pa.list_(pa.string())),
            "born": pa.array([1, 2]),
        }
    )
    pa.parquet.write_table(table, tmp_path / "profiles.parquet")
    audience = read_audience(tmp_path, spec(profiles={"path": "profiles.parquet"}), now=NOW)
    assert values(audience, "profile_id") == ["17850", "17851"]
    assert values(audience, "points") == [3, 0]
    assert values(audience, "spend") == [None, 5.0]
    assert values(audience, "tags") == [["a"], None]
    assert wrong(audience) == {
        "2 tier: not one of gold, silver",
        "1 born: not a date (2026-11-20)",
        "2 born: not a date (2026-11-20)",
    }


def test_the_gate_refuses_more_rejects_than_stated(tmp_path):
    (tmp_path / "profiles.csv").write_text("profile_id,email\na,\n,z@y.example\n,x@y.example\n")
    limited = spec(max_reject_rate=0.5)
    with pytest.raises(
        DataError, match=r"2 of 3 rows cannot be taken, more than .* \(50%\): profile_id: missing \(2\)"
    ):
        read_audience(tmp_path, limited, now=NOW, rejects_dir=tmp_path / "out")
    assert (tmp_path / "out" / "rejects.jsonl").read_text().count("\n") == 2


def test_interactions_of_nobody_with_nothing_or_in_the_future_are_listed(tmp_path):
    (tmp_path / "profiles.csv").write_text("profile_id\np\n")
    (tmp_path / "items.csv").write_text(
        "item_id,title,price,url,image\ni,Cap,-1,javascript:alert(1),../../etc/passwd\n"
    )
    (tmp_path / "events.csv").write_text(
        "profile_id,item_id,event,at,quantity\n"
        "p,i,order_completed,2026-11-19T09:00:00Z,\n"
        "q,i,order_completed,2026-11-19T09:00:00Z,1\n"
        "p,j,order_completed,2026-11-19T09:00:00Z,1\n"
        "p,i,order_completed,2026-11-20T09:00:01Z,1\n"
        "p,i,order_completed,2026-11-19T09:00:00Z,-2\n"
        "p,,page_viewed,2026-11-19T08:00:00Z,\n"
        "p,,page_viewed,2026-11-20T09:00:00Z,\n"
    )
    audience = read_audience(
        tmp_path, spec(items={"path": "items.csv"}, interactions={"path": "events.csv"}), now=NOW
    )
    kept = ["page_viewed", "order_completed", "page_viewed"]
    assert audience.interactions.column("event").to_pylist() == kept, (
        "what happens at this instant has happened"
    )
    assert audience.interactions.column("quantity").to_pylist() == [1, 1, 1]
    assert wrong(audience) == {
        "3 profile_id: unknown",
        "4 item_id: unknown",
        "5 at: in the future",
        "6 quantity: below 1",
        "2 price: below 0",
        "2 url: not an http(s) address",
        "2 image: outside of the workspace",
    }


def test_whoever_unsubscribed_at_an_address_is_unsubscribed_under_every_profile(tmp_path):
    audience = read(
        tmp_path,
        "profile_id,email,unsubscribed\na,kari@nord.example,true\nb,KARI@Nord.Example,\nc,x@y.example,\n",
    )
    assert values(audience, "unsubscribed") == [True, True, False]
    assert (audience.report.shared_addresses, audience.report.unsubscribed_elsewhere) == (2, 1)


def test_the_order_of_the_rows_does_not_matter(tmp_path):
    one = read(tmp_path, "profile_id,points\na,1\nb,2\nc,3\n")
    two = read(tmp_path, "points,profile_id\n3,c\n1,a\n2,b\n")
    assert one.profiles.equals(two.profiles)
    assert one.fingerprint == two.fingerprint
    assert read(tmp_path, "profile_id,points\na,1\nb,2\nc,4\n").fingerprint != one.fingerprint
