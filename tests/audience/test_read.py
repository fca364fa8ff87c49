"""Reading a workspace's sources: three formats, one meaning; nothing lost silently."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from audience import FEATURES, arrow_schema, read_audience
from mailwright.errors import DataError
from mailwright.model import WorkspaceSpec
from mailwright.model.schema import PROFILE_ATTRIBUTES

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)

PROFILES = """\
profile_id,email,locale,timezone,consent,unsubscribed,first_name,points,birthday
p1,kari@nord.example,no,Europe/Oslo,newsletter;offers,false,Kari,120,1980-05-17
p2,,,,,,,,
p3,  Ola@Nord.example ,sv-SE,Europe/Stockholm,"[""newsletter""]",no,Ola,0,
p4,not-an-address,xx_bad,Mars/Olympus,,,<script>,many,1990-02-30
"""


def spec(**data: object) -> WorkspaceSpec:
    return WorkspaceSpec.model_validate(
        {
            "name": "Shop",
            "sender": {"name": "Shop", "email": "shop@shop.example"},
            "data": {"profiles": {"path": "profiles.csv"}, "max_reject_rate": 0.5, **data},
            "profile": {
                "first_name": {"type": "string", "pii": "direct"},
                "points": {"type": "integer", "default": 0, "min": 0},
                "birthday": {"type": "date", "pii": "indirect"},
            },
        }
    )


def read(root: Path, workspace: WorkspaceSpec | None = None, **options: object):
    return read_audience(root, workspace or spec(), now=NOW, **options)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "profiles.csv").write_text(PROFILES, encoding="utf-8")
    return tmp_path


def test_profiles_have_the_declared_types_and_missing_is_null(root: Path) -> None:
    audience = read(root)
    rows = {row["profile_id"]: row for row in audience.profiles.to_pylist()}
    assert rows["p1"]["consent"] == ["newsletter", "offers"]
    assert rows["p3"]["consent"] == ["newsletter"]
    assert rows["p1"]["birthday"].isoformat() == "1980-05-17"
    assert rows["p2"]["first_name"] is None
    assert rows["p2"]["points"] == 0, "the default stands for a missing value"
    assert rows["p2"]["unsubscribed"] is False
    expected = arrow_schema(PROFILE_ATTRIBUTES | spec().profile)
    assert [audience.profiles.schema.field(f.name) for f in expected] == list(expected)
    assert set(FEATURES) <= set(audience.profiles.column_names)


def test_an_address_that_cannot_be_mailed_is_null_and_says_why(root: Path) -> None:
    rows = {row["profile_id"]: row for row in read(root).profiles.to_pylist()}
    assert (rows["p2"]["email"], rows["p2"]["email_problem"]) == (None, "no_address")
    assert (rows["p4"]["email"], rows["p4"]["email_problem"]) == (None, "no_at_sign")
    assert (rows["p3"]["email"], rows["p3"]["email_key"]) == ("Ola@Nord.example", "ola@nord.example")


def test_wrong_values_are_set_aside_and_listed_without_the_person(root: Path, tmp_path: Path) -> None:
    audience = read(root, rejects_dir=tmp_path / "out")
    listed = [orjson.loads(line) for line in (tmp_path / "out" / "rejects.jsonl").read_bytes().splitlines()]
    assert {(p["row"], p["attribute"], p["what"], p["shown"]) for p in listed} == {
        (5, "email", "no_at_sign", "aaa-aa-aaaaaaa"),
        (5, "locale", "not a locale (no, sv-SE)", "xx_bad"),
        (5, "timezone", "not a time zone (Europe/Oslo)", "Mars/Olympus"),
        (5, "points", "not a whole number", "many"),
        (5, "birthday", "not a date (2026-11-20)", "9999-99-99"),
    }
    assert audience.report.sources["profiles"].set_aside.total() == 5
    assert audience.profiles.to_pylist()[3]["first_name"] == "<script>"


def test_strict_refuses_any_wrong_value(root: Path) -> None:
    with pytest.raises(DataError, match=r"profiles\.csv:5: .*and 4 more"):
        read(root, strict=True)
