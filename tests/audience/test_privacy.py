"""A person can see all that is held, can be erased from it, and can be hidden in a copy."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from audience import access_profile, export_pseudonymised, forget_profile, read_audience
from audience.privacy import Person, person_of
from mailwright.errors import UsageError
from tests.audience.shop import NOW, workspace

PROFILE = {
    "first_name": {"type": "string", "pii": "direct"},
    "birthday": {"type": "date", "pii": "indirect"},
    "card": {"type": "string"},
    "portrait": {"type": "list", "items": {"type": "integer"}, "pii": "direct"},
    "city": {"type": "string"},
}
PROFILES = (
    "\ufeffid,email,first_name,birthday,card,portrait,city\r\n"
    '7,kari@nord.example,"Kari, the\r\nfirst",1980-05-17,1,1;2,Oslo\r\n'
    "8,ola@nord.example,Ola,1990-02-03,2,,\r\n"
    "9,KARI@nord.example,K,,1,,\r\n"
    "9,torn,row\r\n"
)
EVENTS = [
    {"profile_id": "7", "item_id": "cap", "event": "order_completed", "at": "2026-11-01T00:00:00Z"},
    {"profile_id": 9, "item_id": "gone", "event": "product_viewed", "at": "2026-11-02T00:00:00Z"},
    {"profile_id": "8", "item_id": "cap", "event": "product_viewed", "at": "2026-11-03T00:00:00Z"},
]  # fmt: skip


@pytest.fixture
def root(tmp_path):
    (tmp_path / "profiles.csv").write_bytes(PROFILES.encode())
    lines = [json.dumps(event) for event in EVENTS]
    (tmp_path / "events.jsonl").write_text("\n".join([*lines, '{"profile_id": "7", torn', ""]))
    (tmp_path / "items.csv").write_text("item_id,title\ncap,Cap\n")
    return tmp_path


@pytest.fixture
def spec():
    return workspace(
        PROFILE,
        profiles={"path": "profiles.csv", "columns": {"id": "profile_id"}},
        items={"path": "items.csv"},
        interactions={"path": "events.jsonl"},
        identity={"keys": ["card"]},
    )


def test_access_shows_all_that_is_held_rejected_and_merged_rows_included(root, spec):
    held = access_profile(root, spec, "7", now=NOW)
    assert json.loads(json.dumps(held)) == held
    assert held["profile_ids"] == ["9", "7"]
    assert [row["row"] for row in held["held"]["profiles"]] == [2, 4, 5]
    assert [row.get("item_id") for row in held["held"]["interactions"]] == ["cap", "gone", None]
    assert held["profile"]["first_name"] == "K"
    assert held["features"]["purchases"] == 1
    assert "birthday" in held["profile"]


def forget(root, spec, profile_id, **more):
    return forget_profile(root, spec, person_of(root, spec, profile_id), **more)


def test_of_a_profile_that_no_source_knows_nothing_is_held(root, spec):
    held = access_profile(root, spec, "70", now=NOW)
    assert held["profile_ids"] == ["70"]
    assert not any((*held["held"].values(), held["profile"], held["features"]))
    assert person_of(root, spec, "70") == Person(("70",), (), (), 0)
    before = (root / "profiles.csv").read_bytes()
    assert not any(forget(root, spec, "70").rows.values())
    assert (root / "profiles.csv").read_bytes() == before


def test_the_address_of_a_torn_row_counts_where_it_is_the_only_one(root, spec):
    path = root / "profiles.csv"
    path.write_text(path.read_text() + "70,mari@nord.example\n71,a@nord.example,b@nord.example\n")
    assert person_of(root, spec, "70").addresses == ("mari@nord.example",)
    assert person_of(root, spec, "71").addresses == ()


def test_another_profile_with_the_address_is_named(root):
    spec = workspace(PROFILE, profiles={"path": "profiles.csv", "columns": {"id": "profile_id"}})
    assert person_of(root, spec, "7").others == ("9",)
    assert person_of(root, spec, "8").others == ()


def test_forgetting_leaves_every_other_byte_and_nothing_of_the_person(root, spec):
    read_audience(root, spec, now=NOW, rejects_dir=root / "lists")
    assert '"9"' in (root / "lists" / "merges.jsonl").read_text()
    person = person_of(root, spec, "7")
    assert person.profile_ids == ("9", "7")
    assert person.addresses == ("KARI@nord.example", "kari@nord.example")
    erasure = forget_profile(root, spec, person, rejects_dir=root / "lists")
    assert erasure.rows == {"profiles": 3, "interactions": 3}
    lines = PROFILES.encode().split(b"\r\n")
    assert (root / "profiles.csv").read_bytes() == b"\r\n".join([lines[0], lines[3], b""])
    assert (root / "events.jsonl").read_text() == json.dumps(EVENTS[2]) + "\n"
    for path in root.rglob("*.*"):
        assert b"kari" not in path.read_bytes().lower(), path
    assert (root / "lists" / "merges.jsonl").read_text() == ""
    assert not any(access_profile(root, spec, "7", now=NOW)["held"].values())
    assert read_audience(root, spec, now=NOW).profiles.column("profile_id").to_pylist() == ["8"]


def test_forgetting_in_parquet_keeps_types_and_other_rows(tmp_path):
    table = pa.table({"profile_id": [7.0, 8.0], "email": pa.array(["a@b.example", None]).dictionary_encode()})
    pa.parquet.write_table(table, tmp_path / "profiles.parquet")
    spec = workspace(profiles={"path": "profiles.parquet"})
    assert forget(tmp_path, spec, "7").rows == {"profiles": 1}
    left = pa.parquet.read_table(tmp_path / "profiles.parquet")
    assert left.schema == table.schema
    assert left.to_pylist() == [{"profile_id": 8.0, "email": None}]


def test_forgetting_in_segments_calls_finds_what_was_done_before_they_were_known(tmp_path):
    calls = [
        {"type": "track", "anonymousId": "x", "event": "Page Viewed", "timestamp": "2026-11-01T00:00:00Z"},
        {"type": "identify", "userId": "u1", "anonymousId": "x", "traits": {"email": "kari@nord.example"}},
        {"type": "identify", "userId": "u2", "traits": {}},
    ]
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(call) + "\n" for call in calls))
    source = {"path": "calls.jsonl", "format": "segment"}
    spec = workspace(profiles=source, interactions=source)
    assert person_of(tmp_path, spec, "u1").addresses == ("kari@nord.example",)
    forget(tmp_path, spec, "u1")
    assert path.read_text() == json.dumps(calls[2]) + "\n"


def test_what_stands_in_a_database_is_said(tmp_path, monkeypatch):
    import sqlalchemy as sa

    monkeypatch.setenv("DB", f"sqlite:///{tmp_path / 'x.db'}")
    with sa.create_engine(f"sqlite:///{tmp_path / 'x.db'}").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE p AS SELECT 'a' AS profile_id")
    spec = workspace(profiles={"query": "SELECT * FROM p", "url_env": "DB"})
    erasure = forget(tmp_path, spec, "a")
    assert erasure.elsewhere == ("data.profiles.query still gives 1 rows: delete them in the database",)


KEY = b"k" * 32


def test_an_export_hides_who_is_who_and_still_joins(root, spec, tmp_path):
    audience = read_audience(root, spec, now=NOW)
    paths = export_pseudonymised(audience, spec, tmp_path / "a", key=KEY)
    profiles, _, interactions = (pa.parquet.read_table(path) for path in paths)
    assert "portrait" not in profiles.column_names
    assert {d.isoformat() for d in profiles.column("birthday").to_pylist()} == {"1980-01-01", "1990-01-01"}
    assert set(interactions.column("profile_id").to_pylist()) <= set(
        profiles.column("profile_id").to_pylist()
    )
    text = json.dumps([profiles.to_pylist(), interactions.to_pylist()], default=str)
    for secret in ("kari", "ola", "nord.example", "1980-05"):
        assert secret not in text.lower()
    again = export_pseudonymised(audience, spec, tmp_path / "b", key=KEY)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]
    other = export_pseudonymised(audience, spec, tmp_path / "c", key=b"o" * 32)
    assert pa.parquet.read_table(other[0]).column("profile_id") != profiles.column("profile_id")
    with pytest.raises(UsageError, match="at least 16 bytes"):
        export_pseudonymised(audience, spec, tmp_path / "d", key=b"short")


def test_an_export_hides_what_is_direct_in_events_items_and_inside_of_values(tmp_path):
    inner = {"name": {"type": "string", "pii": "direct"}, "born": {"type": "date", "pii": "indirect"}}
    (tmp_path / "profiles.jsonl").write_text(
        '{"profile_id": "7", "partner": {"name": "Kari"}, "child": {"born": "2020-05-17"}, '
        '"plan": {"size": 2}}\n'
    )
    (tmp_path / "events.jsonl").write_text(
        '{"profile_id": "7", "event": "gift", "at": "2026-11-01T00:00:00Z", "to": "kari@nord.example"}\n'
    )
    (tmp_path / "items.csv").write_text("item_id,title,maker\ncap,Cap,Kari\n")
    spec = workspace(
        {
            "partner": {"type": "object", "fields": {"name": inner["name"]}},
            "child": {"type": "object", "fields": {"born": inner["born"]}},
            "plan": {"type": "object", "fields": {"size": {"type": "integer"}}},
        },
        event={"to": {"type": "string", "pii": "direct"}},
        item={"maker": {"type": "string", "pii": "direct"}},
        profiles={"path": "profiles.jsonl"},
        items={"path": "items.csv"},
        interactions={"path": "events.jsonl"},
    )
    audience = read_audience(tmp_path, spec, now=NOW)
    tables = [
        pa.parquet.read_table(path) for path in export_pseudonymised(audience, spec, tmp_path / "a", key=KEY)
    ]
    text = json.dumps([table.to_pylist() for table in tables], default=str).lower()
    assert "kari" not in text
    assert "2020-05" not in text
    assert tables[0]["plan"].to_pylist() == [{"size": 2}]
    assert tables[2]["to"][0].as_py()
