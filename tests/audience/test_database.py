"""A query is a source like a file, on a real PostgreSQL and on SQLite."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from audience import read_audience
from mailwright.errors import DataError, MissingExtraError
from tests.audience.shop import NOW, workspace

PROFILE = {
    "first_name": {"type": "string", "pii": "direct"},
    "points": {"type": "integer"},
    "spend": {"type": "number"},
    "joined": {"type": "timestamp"},
    "born": {"type": "date"},
    "tags": {"type": "list", "items": {"type": "string"}},
    "address": {"type": "object", "fields": {"city": {"type": "string"}}},
}


def read(tmp_path, monkeypatch, url, query, profile=None, **source):
    monkeypatch.setenv("SHOP_DB", url)
    spec = workspace(profile or PROFILE, profiles={"query": query, "url_env": "SHOP_DB", **source})
    return read_audience(tmp_path, spec, now=NOW)


def run(url, *statements):
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_postgresql_types_become_attributes(fresh_postgres_url, tmp_path, monkeypatch):
    run(
        fresh_postgres_url,
        "CREATE TABLE people (id uuid, mail text, name text, points bigint, spend numeric(10,2),"
        " joined timestamptz, born date, tags text[], address jsonb, gone boolean)",
        "INSERT INTO people VALUES"
        " ('00000000-0000-0000-0000-00000000000a', 'kari@nord.example', 'Kåre', 12, 99.50,"
        "  '2026-11-20 10:00:00+01', '1980-05-17', '{golf,ski}', '{\"city\": \"Oslo\"}', true),"
        " ('00000000-0000-0000-0000-00000000000b', 'x', NULL, NULL, 'NaN', NULL, NULL, NULL, '[1]', NULL)",
    )
    audience = read(
        tmp_path,
        monkeypatch,
        fresh_postgres_url,
        "SELECT id, mail AS email, name, points, spend, joined, born, tags, address, gone FROM people"
        " WHERE name NOT LIKE '100%' AND ':x' <> '' OR name IS NULL",
        columns={"id": "profile_id", "name": "first_name", "gone": "unsubscribed"},
    )
    one, two = audience.profiles.to_pylist()
    assert one["profile_id"].endswith("0a")
    assert (one["first_name"], one["points"], one["spend"]) == ("Kåre", 12, 99.5)
    assert one["joined"].isoformat() == "2026-11-20T09:00:00+00:00"
    assert (one["born"].isoformat(), one["tags"], one["address"]) == (
        "1980-05-17",
        ["golf", "ski"],
        {"city": "Oslo"},
    )
    assert one["unsubscribed"] is True
    assert (two["email_problem"], two["spend"], two["address"]) == ("no_at_sign", None, None)
    assert {p.what for p in audience.report.problems} == {"no_at_sign", "not an object"}


def test_a_query_can_change_nothing(fresh_postgres_url, tmp_path, monkeypatch):
    run(fresh_postgres_url, "CREATE SEQUENCE numbers")
    with pytest.raises(DataError, match="read-only transaction"):
        read(tmp_path, monkeypatch, fresh_postgres_url, "SELECT nextval('numbers') AS profile_id")


def test_sqlite_is_read_the_same_way(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    run(
        url,
        "CREATE TABLE people (profile_id, points)",
        "INSERT INTO people VALUES ('a', 3), ('b', 'x'), (NULL, 1)",
    )
    audience = read(tmp_path, monkeypatch, url, "SELECT * FROM people")
    assert audience.profiles.column("points").to_pylist() == [3, None]
    assert [(p.row, p.attribute) for p in audience.report.problems] == [(2, "points"), (3, "profile_id")]


def test_what_is_wrong_is_said_without_the_password(tmp_path, monkeypatch):
    cases = {
        "sqlite:///:memory:": "data.profiles.query: the database refused: no such table",
        "postgresql+psycopg://me:hunter2@127.0.0.1:1/x": "the database refused",
        "hunter2": "SHOP_DB holds no SQLAlchemy URL",
        "nonsense://me:hunter2@host/x": "SHOP_DB holds no SQLAlchemy URL",
        "": "the environment has no SHOP_DB",
    }
    for url, message in cases.items():
        with pytest.raises(DataError, match=message) as caught:
            read(tmp_path, monkeypatch, url, "SELECT * FROM nowhere")
        assert "hunter2" not in str(caught.value)
    with pytest.raises(MissingExtraError, match="psycopg2"):
        read(tmp_path, monkeypatch, "postgresql+psycopg2://me@host/x", "SELECT 1")


def test_an_unknown_column_of_a_query_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"data\.profiles\.query:0:2: unknown column 'pionts'"):
        read(tmp_path, monkeypatch, "sqlite:///:memory:", "SELECT 'a' AS profile_id, 1 AS pionts")


def test_a_source_is_a_path_or_a_query():
    with pytest.raises(ValueError, match="a path, or a query"):
        workspace(profiles={"path": "x.csv", "query": "SELECT 1"})
    with pytest.raises(ValueError, match="url_env"):
        workspace(profiles={"query": "SELECT 1"})
