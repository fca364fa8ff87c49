"""What must hold of the data is checked, reported with examples, and gates a run where it says so."""

from __future__ import annotations

import pytest

from audience import read_audience
from audience.report import RefusedDataError
from mailwright.errors import DataError
from tests.audience.shop import NOW, workspace

ROWS = """\
profile_id,email,city,points
a,kari@nord.example,Oslo,5
b,,Bergen,50
c,x@y.example,oslo,500
d,x@y.example,,many
"""


def read(tmp_path, *expect, **more):
    (tmp_path / "profiles.csv").write_text(ROWS)
    profile = {"city": {"type": "string"}, "points": {"type": "integer"}}
    return read_audience(tmp_path, workspace(profile, expect=expect, **more), now=NOW)


def test_every_expectation_says_how_many_rows_fail_it_and_shows_some(tmp_path):
    report = read(
        tmp_path,
        {"attribute": "email", "not_null": True, "at_least": 0.7},
        {"attribute": "email", "unique": True},
        {"attribute": "city", "matches": "[A-Z][a-z]+"},
        {"attribute": "points", "between": [0, 100]},
        {"attribute": "city", "among": ["Oslo", "Bergen"]},
    ).report
    found = [
        (f.attribute, f.expectation, f.failing, f.rows, f.holds, f.examples)
        for f in report.findings
        if not f.expectation.startswith("as declared")
    ]
    assert found == [
        ("points", "a whole number", 1, 4, False, ("row 5: many",)),
        ("email", "known", 1, 4, True, ("",)),
        ("email", "unique", 2, 4, False, ("a@a.aaaaaaa", "a@a.aaaaaaa")),
        ("city", "of the form [A-Z][a-z]+", 1, 4, False, ("oslo",)),
        ("points", "between 0 and 100", 1, 4, False, ("500",)),
        ("city", "one of Oslo, Bergen", 1, 4, False, ("oslo",)),
    ]


def test_a_gate_refuses_the_run(tmp_path):
    with pytest.raises(DataError, match=r"profiles: email is not unique in 2 of 4 rows"):
        read(tmp_path, {"attribute": "email", "unique": True, "gate": True})


def test_an_expectation_of_an_unknown_attribute_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"expect\[0\]: unknown attribute 'town'"):
        read(tmp_path, {"attribute": "town", "not_null": True})


def test_an_expectation_is_one_check():
    with pytest.raises(ValueError, match="one of not_null"):
        workspace(expect=[{"attribute": "city"}])


def test_a_broken_pattern_is_an_error_of_the_workspace(tmp_path):
    with pytest.raises(DataError, match="could not be read"):
        read(tmp_path, {"attribute": "city", "matches": "("})


def test_old_interactions_and_long_silent_people_are_left_out_and_counted(tmp_path):
    (tmp_path / "events.csv").write_text(
        "profile_id,event,at\na,page_viewed,2026-11-01\na,page_viewed,2025-01-01\nb,page_viewed,2024-01-01\n"
    )
    audience = read(
        tmp_path,
        interactions={"path": "events.csv"},
        retention={"interactions_days": 365, "inactive_profiles_days": 730},
    )
    assert audience.profiles.column("profile_id").to_pylist() == ["a", "c", "d"]
    assert audience.interactions.num_rows == 1
    assert audience.report.notes == [
        "1 profiles inactive for more than 730 days left out",
        "1 interactions older than 365 days left out",
    ]


def test_whoever_registered_lately_is_not_inactive(tmp_path):
    (tmp_path / "profiles.csv").write_text("profile_id,since\na,2026-11-01\nb,2020-01-01\nc,\nd,2020-01-01\n")
    (tmp_path / "events.csv").write_text(
        "profile_id,event,at\na,page_viewed,2020-01-01\nd,page_viewed,2026-11-01\n"
    )
    spec = workspace(
        {"since": {"type": "date"}},
        interactions={"path": "events.csv"},
        retention={"inactive_profiles_days": 365, "registered": "since"},
    )
    audience = read_audience(tmp_path, spec, now=NOW)
    assert audience.profiles.column("profile_id").to_pylist() == ["a", "c", "d"]
    assert audience.interactions.num_rows == 2


def test_what_the_schema_expects_and_gets_is_reported_too(tmp_path):
    met = {
        (f.source, f.attribute): (f.expectation, f.failing, f.rows, f.holds)
        for f in read(tmp_path).report.findings
        if f.expectation.startswith("as declared")
    }
    assert met["profiles", "profile_id"] == ("as declared: string, required", 0, 4, True)
    assert ("profiles", "city") in met
    assert ("profiles", "points") not in met  # "many" is no number
    assert ("profiles", "locale") not in met  # nobody has one


def test_rows_without_any_value_are_left_out_and_counted(tmp_path):
    (tmp_path / "profiles.csv").write_text("profile_id,city\na,Oslo\n,\n\nb,Bergen\n,\n")
    report = read_audience(tmp_path, workspace({"city": {"type": "string"}}), now=NOW).report
    assert (report.sources["profiles"].read, report.sources["profiles"].kept) == (2, 2)
    assert report.notes == [
        "profiles.csv: 3 rows without any value were left out (the first is row 3)",
    ]


@pytest.mark.parametrize(
    ("profiles", "what"),
    [("profile_id\n", "it has no rows"), ("profile_id\n,\n", "none of its 1 rows can be taken")],
)
def test_a_feed_of_nobody_is_what_is_blamed(tmp_path, profiles, what):
    (tmp_path / "profiles.csv").write_text(profiles)
    (tmp_path / "events.csv").write_text("profile_id,event,at\na,page_viewed,2026-11-01\n")
    spec = workspace(interactions={"path": "events.csv"}, max_reject_rate=0.05)
    with pytest.raises(RefusedDataError, match=f"profiles.csv: {what}, so nobody is known") as refused:
        read_audience(tmp_path, spec, now=NOW)
    assert refused.value.report.sources["interactions"].rejected
