"""One person, one profile: merged by what is certain, listed by what is likely, every merge on record."""

from __future__ import annotations

import json

import pytest

from audience import read_audience
from mailwright.errors import DataError
from tests.audience.shop import NOW, workspace

PROFILE = {
    "first_name": {"type": "string", "pii": "direct"},
    "last_name": {"type": "string", "pii": "direct"},
    "phone": {"type": "string", "pii": "direct"},
    "loyalty_card": {"type": "string"},
    "city": {"type": "string"},
    "points": {"type": "integer", "default": 0},
    "joined": {"type": "date"},
    "tags": {"type": "list", "items": {"type": "string"}},
}
ROWS = """\
profile_id,email,phone,loyalty_card,first_name,last_name,city,points,joined,tags,consent,unsubscribed
a,kari@nord.example,+47 400 00 001,,Kari,,Oslo,100,2020-01-01,golf,newsletter;offers,
b,KARI@nord.example,,C-7,,Nordmann,,,2024-01-01,ski,newsletter,false
c,other@nord.example,,c-7 ,Kari Anne,,Bergen,40,2022-01-01,,,true
d,someone@else.example,0047 40000001,,Karl,,Oslo,7,2021-01-01,,,
e,,,,,,,,,,,
"""


def read(tmp_path, rows=ROWS, identity=None, **more):
    (tmp_path / "profiles.csv").write_text(rows, encoding="utf-8")
    spec = workspace(PROFILE, identity=identity or {}, **more)
    audience = read_audience(tmp_path, spec, now=NOW, rejects_dir=tmp_path / "out")
    return audience, {row["profile_id"]: row for row in audience.profiles.to_pylist()}


def test_nobody_is_merged_unless_asked(tmp_path):
    _, rows = read(tmp_path)
    assert list(rows) == ["a", "b", "c", "d", "e"]


def test_shared_keys_join_people_through_one_another(tmp_path):
    audience, rows = read(
        tmp_path, identity={"keys": ["email", "phone", "loyalty_card"], "newest_by": "joined"}
    )
    assert list(rows) == ["b", "e"]
    kari = rows["b"]
    assert kari["email"] == "KARI@nord.example"
    assert (kari["first_name"], kari["last_name"], kari["city"]) == ("Kari Anne", "Nordmann", "Bergen")
    assert kari["points"] == 40, "a default does not outlive a known value"
    assert kari["unsubscribed"] is True, "a no of any is a no of all"
    assert kari["consent"] == [], "one of them agreed to nothing"
    merges = [json.loads(line) for line in (tmp_path / "out" / "merges.jsonl").read_text().splitlines()]
    assert [(m["kept"], m["merged"], m["by"]) for m in merges] == [
        ("b", "a", "email"),
        ("b", "c", "loyalty_card"),
        ("b", "d", "phone"),
    ]
    assert merges[0]["values_of"]["first_name"] == "c"
    assert audience.report.as_dict()["merged"] == {"email": 1, "loyalty_card": 1, "phone": 1}


@pytest.mark.parametrize(
    ("cells", "rule", "agreed"),
    [
        (("newsletter;offers", "newsletter"), None, ["newsletter"]),
        (("newsletter", ""), None, []),  # a CSV file cannot say "withdrawn" in any other way
        (("", "newsletter"), None, []),
        (("newsletter", ""), "last", []),
        (("", "newsletter"), "last", ["newsletter"]),
        (("newsletter", "offers"), "union", ["newsletter", "offers"]),
    ],
)
def test_whoever_has_withdrawn_consent_under_one_of_their_ids_has_withdrawn_it(tmp_path, cells, rule, agreed):
    rows = "profile_id,email,consent\na,kari@nord.example,{}\nb,kari@nord.example,{}\n".format(*cells)
    identity = {"keys": ["email"], "fields": {"consent": rule} if rule else {}}
    assert read(tmp_path, rows, identity)[1]["b"]["consent"] == agreed


@pytest.mark.parametrize(
    ("rule", "attribute", "expected"),
    [
        ("first", "city", "Oslo"),
        ("last", "city", "Bergen"),
        ("longest", "first_name", "Kari Anne"),
        ("most_frequent", "city", "Oslo"),
        ("highest", "points", 100),
        ("lowest", "points", 7),
        ("union", "tags", ["golf", "ski"]),
        ("common", "tags", []),
    ],
)
def test_survivorship_is_a_rule_per_attribute(tmp_path, rule, attribute, expected):
    identity = {
        "keys": ["email", "phone", "loyalty_card"],
        "newest_by": "joined",
        "fields": {attribute: rule},
    }
    _, rows = read(tmp_path, identity=identity)
    assert rows["b"][attribute] == expected


@pytest.mark.parametrize(("survivor", "expected"), [("first", "a"), ("last", "b"), ("most_complete", "a")])
def test_who_survives_is_stated(tmp_path, survivor, expected):
    _, rows = read(tmp_path, identity={"keys": ["email"], "survivor": survivor})
    assert expected in rows
    assert len(rows) == 4


def test_an_address_that_cannot_be_mailed_gives_way_to_one_that_can(tmp_path):
    rows = "profile_id,email,loyalty_card\na,kari@nord.example,1\nb,kari@@nord,1\n"
    _, people = read(tmp_path, rows, identity={"keys": ["loyalty_card"]})
    assert (people["b"]["email"], people["b"]["email_problem"], people["b"]["email_key"]) == (
        "kari@nord.example",
        None,
        "kari@nord.example",
    )


def test_a_value_that_many_share_identifies_nobody(tmp_path):
    rows = "profile_id,phone\n" + "".join(f"p{i:02},+4700000000\n" for i in range(11))
    audience, people = read(tmp_path, rows, identity={"keys": ["phone"]})
    assert len(people) == 11
    assert audience.report.notes == [
        "11 profiles share one phone, more than identity.max_shared (10): not merged"
    ]


LIKE = """\
profile_id,first_name,last_name,city
a,Bjørn,Sæther,Oslo
b,Saether,Bjorn,Oslo
c,Björn,Säther,Bergen
d,Ola,Nordmann,Oslo
e,,,Oslo
f,,,Oslo
"""
FUZZY = {"fields": ["first_name", "last_name"], "block": ["city"], "list_at": 80}


def test_people_that_look_alike_are_listed_and_not_merged(tmp_path):
    audience, rows = read(tmp_path, LIKE, identity={"fuzzy": FUZZY})
    assert len(rows) == 6
    assert [(c.one, c.other) for c in audience.report.candidates] == [("a", "b")]
    assert (tmp_path / "out" / "candidates.jsonl").read_text().count("\n") == 1


def test_likeness_merges_from_the_stated_score_only(tmp_path):
    _, rows = read(tmp_path, LIKE, identity={"fuzzy": FUZZY | {"merge_at": 80}})
    assert set(rows) == {"b", "c", "d", "e", "f"}
    _, rows = read(tmp_path, LIKE, identity={"fuzzy": FUZZY | {"merge_at": 99.5}})
    assert len(rows) == 6


def test_what_a_merged_profile_did_was_done_by_the_survivor(tmp_path):
    (tmp_path / "events.csv").write_text(
        "profile_id,event,at\na,page_viewed,2026-11-01\nb,page_viewed,2026-11-02\n"
    )
    audience, rows = read(tmp_path, identity={"keys": ["email"]}, interactions={"path": "events.csv"})
    assert audience.interactions.column("profile_id").to_pylist() == ["b", "b"]
    assert rows["b"]["first_seen_at"].day == 1


def test_an_unknown_attribute_in_the_identity_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"identity\.keys: unknown attribute 'fone'\n.*'phone'"):
        read(tmp_path, identity={"keys": ["fone"]})
    with pytest.raises(DataError, match=r"identity\.newest_by: city is no date and no timestamp"):
        read(tmp_path, identity={"keys": ["phone"], "newest_by": "city"})


def test_the_result_does_not_depend_on_the_order_of_the_rows_when_dates_tell(tmp_path):
    head, *lines = ROWS.splitlines()
    identity = {"keys": ["email", "phone", "loyalty_card"], "newest_by": "joined"}
    one, _ = read(tmp_path, identity=identity)
    two, _ = read(tmp_path, "\n".join([head, *reversed(lines)]) + "\n", identity=identity)
    assert one.profiles.equals(two.profiles)
    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize(
    "fields", [{"points": "longest"}, {"city": "union"}, {"city": "any"}, {"tags": "highest"}]
)
def test_a_rule_must_fit_the_attribute(tmp_path, fields):
    with pytest.raises(DataError, match=r"identity\.fields: \w+ is no rule for"):
        read(tmp_path, identity={"keys": ["phone"], "fields": fields})
