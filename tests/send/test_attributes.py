"""Segments and recommendations as profile attributes: only what changed, and only once it was taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mailwright.errors import SendError
from mailwright.model.workspace import EspSpec
from send import Outbox, StubEsp
from send.attributes import Platform, Profile, SyncReport, open_platform, platform_names, sync_attributes
from send.stub import stub_platform_environ, stub_platform_options

NAMES = platform_names()
PEOPLE = [
    Profile(f"p{i}", f"p{i}@mail.example", {"mw_segments": ("vip", "new"), "mw_rec_1_title": f"Cap {i}"})
    for i in range(205)
]


def platform_at(esp: StubEsp, name: str) -> Platform:
    address = esp.address("attributes")
    spec = EspSpec(adapter=name, base_url=address, options=stub_platform_options(name, address))
    return open_platform(spec, stub_platform_environ(name), root=Path())


def sync(esp: StubEsp, outbox: Outbox, name: str, people: list[Profile], *, send: bool = True) -> SyncReport:
    return sync_attributes(people, platform=platform_at(esp, name), db=outbox.db, now=1.0, send=send)


def test_there_are_five() -> None:
    assert NAMES == ("braze", "hubspot", "klaviyo", "mailchimp", "salesforce_mc")


@pytest.mark.parametrize("name", NAMES)
def test_only_what_changed_is_sent(name: str, esp: StubEsp, outbox: Outbox) -> None:
    first = sync(esp, outbox, name, PEOPLE)
    assert (first.changed, first.unchanged, first.attributes) == (205, 0, 410)
    assert len(esp.mailbox) == 205
    most = platform_at(esp, name).max_profiles
    assert first.calls == -(-205 // most)
    again = sync(esp, outbox, name, PEOPLE)
    assert (again.changed, again.unchanged, again.calls) == (0, 205, 0)
    moved = replace(PEOPLE[3], attributes={**PEOPLE[3].attributes, "mw_segments": ("vip",)})
    gone = replace(PEOPLE[4], attributes={"mw_segments": ("vip", "new")})
    third = sync(esp, outbox, name, [moved, gone, *PEOPLE[5:]])
    assert (third.changed, third.attributes, third.calls) == (2, 2, 1)
    changed, taken_away = (mail.data for mail in esp.mailbox[-2:])
    assert len([n for n in changed if n != "EmailAddress"]) == 1
    (nothing,) = [v for n, v in taken_away.items() if n != "EmailAddress"]
    assert not nothing


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_sends_and_remembers_nothing(name: str, esp: StubEsp, outbox: Outbox) -> None:
    report = sync(esp, outbox, name, PEOPLE, send=False)
    assert (report.changed, report.calls) == (205, 0)
    assert sync(esp, outbox, name, PEOPLE, send=False).changed == 205


def test_what_could_not_be_taken_is_sent_next_time(
    esp: StubEsp, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("send.attributes.sync.time.sleep", lambda _: None)
    esp.fault("429")
    esp.fault("timeout-after-accept", seconds=0.01)
    assert sync(esp, outbox, "klaviyo", PEOPLE[:3]).changed == 3
    esp.fault("503", times=None)
    with pytest.raises(SendError, match="answered 503"):
        sync(esp, outbox, "klaviyo", PEOPLE)
    esp.clear_faults()
    report = sync(esp, outbox, "klaviyo", PEOPLE)
    assert (report.changed, report.unchanged) == (202, 3)


@pytest.mark.parametrize("name", ["braze", "hubspot"])
def test_a_profile_that_is_refused_does_not_count_as_sent(name: str, esp: StubEsp, outbox: Outbox) -> None:
    esp.fault("partial")
    report = sync(esp, outbox, name, PEOPLE[:5])
    assert (report.refused, report.changed) == (1, 4)
    assert report.problems[0].startswith("p0: ")
    assert sync(esp, outbox, name, PEOPLE[:5]).changed == 1


@pytest.mark.parametrize(
    ("name", "body", "refused"),
    [
        ("braze", {"message": "success", "errors": ["some were not valid"]}, {0, 1, 2}),
        ("braze", {"message": "success"}, set()),
        ("hubspot", {"results": [], "errors": [{"message": "no"}]}, {0, 1, 2}),
        ("hubspot", {"results": [{"objectWriteTraceId": "p1"}], "errors": [{"message": "no"}]}, {0, 2}),
        ("hubspot", {"errors": [{"message": "no", "context": {"objectWriteTraceId": ["p2", "p9"]}}]}, {2}),
    ],
)
def test_an_error_that_names_nobody_counts_against_all_who_may_be_meant(
    name: str, body: object, refused: set[int], esp: StubEsp
) -> None:
    assert set(platform_at(esp, name).refused(body, PEOPLE[:3])) == refused


def test_a_request_that_is_refused_as_a_whole_is_taken_apart(esp: StubEsp, outbox: Outbox) -> None:
    people = [replace(p, email="nobody") if i in (3, 17) else p for i, p in enumerate(PEOPLE[:40])]
    report = sync(esp, outbox, "hubspot", people)
    assert (report.changed, report.refused) == (38, 2)
    assert [problem.partition(":")[0] for problem in report.problems] == ["p3", "p17"]
    assert len(esp.mailbox) == 38
    twice = [replace(PEOPLE[50], email="one@mail.example"), replace(PEOPLE[51], email="one@mail.example")]
    assert sync(esp, outbox, "hubspot", twice).changed == 2


def test_a_platform_that_takes_nobody_is_not_asked_for_each(esp: StubEsp, outbox: Outbox) -> None:
    with pytest.raises(SendError, match=r"hubspot takes nobody; p0: hubspot answered 400"):
        sync(esp, outbox, "hubspot", [replace(p, email="nobody") for p in PEOPLE[:100]])
    assert not esp.mailbox


def test_a_new_address_is_told_all_of_it(esp: StubEsp, outbox: Outbox) -> None:
    sync(esp, outbox, "klaviyo", PEOPLE[:1])
    moved = replace(PEOPLE[0], email="other@mail.example")
    assert sync(esp, outbox, "klaviyo", [moved]).attributes == 2


def test_a_merge_tag_that_mailchimp_would_refuse_is_said(esp: StubEsp, outbox: Outbox) -> None:
    address = esp.address("attributes")
    spec = EspSpec(adapter="mailchimp", base_url=address, options={"data_center": "x", "list_id": "a"})
    platform = open_platform(spec, stub_platform_environ("mailchimp"), root=Path())
    with pytest.raises(SendError, match="more than 10 characters"):
        sync_attributes(PEOPLE, platform=platform, db=outbox.db, now=1.0)
