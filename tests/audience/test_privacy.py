"""A person can see all that is held, can be erased from it, and can be hidden in a copy."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from audience import access_profile, export_pseudonymised, forget_profile, read_audience
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


def test_nobody_by_that_id_is_wrong_use(root, spec):
    for call in (lambda: access_profile(root, spec, "70", now=NOW), lambda: forget_profile(root, spec, "70")):
        with pytest.raises(UsageError, match="no source knows a profile '70'"):
            call()


def test_forgetting_leaves_every_other_byte_and_nothing_of_the_person(root, spec):
    read_audience(root, spec, now=NOW, rejects_dir=root / "lists")
    assert '"9"' in (root / "lists" / "merges.jsonl").read_text()
    erasure = forget_profile(root, spec, "9", rejects_dir=root / "lists")
    assert erasure.profile_ids == ("9", "7")
    assert erasure.addresses == ("KARI@nord.example", "kari@nord.example")
    assert erasure.rows == {"profiles": 3, "interactions": 3}
    lines = PROFILES.encode().split(b"\r\n")
    assert (root / "profiles.csv").read_bytes() == b"\r\n".join([lines[0], lines[3], b""])
    assert (root / "events.jsonl").read_text() == json.dumps(EVENTS[2]) + "\n"
    for path in root.rglob("*.*"):
        assert b"kari" not in path.read_bytes().lower(), path
    assert (root / "lists" / "merges.jsonl").read_text() == ""
    with pytest.raises(UsageError):
        access_profile(root, spec, "7", now=NOW)
    assert read_audience(root, spec, now=NOW).profiles.column("profile_id").to_pylist() == ["8"]


def test_forgetting_in_parquet_keeps_types_and_other_rows(tmp_path):
    table = pa.table({"profile_id": [7.0, 8.0], "email": pa.array(["a@b.example", None]).dictionary_encode()})
    pa.parquet.write_table(table, tmp_path / "profiles.parquet")
    spec = workspace(profiles={"path": "profiles.parquet"})
    assert forget_profile(tmp_path, spec, "7").rows == {"profiles": 1}
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
    assert forget_profile(tmp_path, spec, "u1").addresses == ("kari@nord.example",)
    assert path.read_text() == json.dumps(calls[2]) + "\n"


def test_what_stands_in_a_database_is_said(tmp_path, monkeypatch):
    import sqlalchemy as sa

    monkeypatch.setenv("DB", f"sqlite:///{tmp_path / 'x.db'}")
    with sa.create_engine(f"sqlite:///{tmp_path / 'x.db'}").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE p AS SELECT 'a' AS profile_id")
    spec = workspace(profiles={"query": "SELECT * FROM p", "url_env": "DB"})
    erasure = forget_profile(tmp_path, spec, "a")
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
