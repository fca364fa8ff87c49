"""The workspace's word on sending, asked by campaigns at the moment of sending; tests and seeds."""

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from functools import partial

import pyarrow as pa
import pytest

from mailwright.model.experiment import HoldoutSpec
from measure import held_out_mask
from send import open_outbox
from tests.cli.conftest import NOW


@pytest.fixture
def deliver_with(starter):
    """Adds a ``delivery`` to the workspace's configuration."""

    def add(text):
        config = starter / "mailwright.yaml"
        config.write_text(f"{config.read_text()}\ndelivery:\n{text}\n")

    return add


def run(cli, workspace, *options):
    result = cli("send", "newsletter", "--workspace", workspace, "--now", NOW, "--workers", 1, *options)
    assert result.code == 0, result.err
    return result.data["delivery"]


def mails(workspace):
    """Every mail in the workspace's folder, parsed."""
    files = sorted((workspace / ".mailwright").rglob("*.eml"))
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def test_a_frequency_cap_counts_every_occasion(cli, starter, deliver_with):
    deliver_with("  caps: [{ count: 1, days: 7 }]")
    assert run(cli, starter, "--occasion", "monday")["sent"] == 5
    again = run(cli, starter, "--occasion", "tuesday")
    assert (again["sent"], again["skipped"]) == (0, {"capped": 5})


def test_in_quiet_hours_mails_wait_and_can_be_delivered_later(cli, starter, deliver_with):
    now = datetime.now(UTC)
    hours = [f"{now + timedelta(hours=h):%H:%M}" for h in (-1, 1)]
    profiles = starter / "data" / "profiles.csv"
    assert "timezone" not in profiles.read_text().splitlines()[0]
    config = starter / "mailwright.yaml"
    config.write_text(re.sub(r"(?m)^timezone:.*$", "", config.read_text()) + "\ntimezone: UTC\n")
    deliver_with(f'  quiet_hours: {{ start: "{hours[0]}", end: "{hours[1]}" }}')
    report = run(cli, starter)
    assert (report["sent"], report["waiting"]) == (0, 5)
    listed = cli("outbox", "list", "--workspace", starter).data["messages"]
    assert {row["reason"] for row in listed} == {"quiet_hours"}
    later = cli("outbox", "deliver", "--workspace", starter)
    assert (later.code, later.data["sent"], later.data["waiting"]) == (0, 0, 5)


def test_a_warm_up_sends_what_its_hour_allows(cli, starter, deliver_with):
    started = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    deliver_with(f"  warm_up: {{ started_at: {started}, per_hour: [2, 100] }}")
    report = run(cli, starter)
    assert (report["sent"], report["waiting"]) == (2, 3)


def test_what_a_resumed_campaign_kept_back_is_delivered_without_rendering(cli, starter):
    of = ("--campaign", "newsletter", "--occasion", "monday", "--workspace", starter)
    assert cli("outbox", "pause", *of).code == 0
    assert run(cli, starter, "--occasion", "monday")["waiting"] == 5
    assert cli("outbox", "deliver", "--workspace", starter).data["sent"] == 0
    assert cli("outbox", "resume", *of).code == 0
    assert cli("outbox", "deliver", "--workspace", starter).data["sent"] == 5


def test_a_holdout_that_was_raised_while_mails_waited_holds(cli, starter):
    of = ("--campaign", "newsletter", "--occasion", "monday", "--workspace", starter)
    assert cli("outbox", "pause", *of).code == 0
    run(cli, starter, "--occasion", "monday")
    cli("outbox", "resume", *of)
    campaign = starter / "campaigns" / "newsletter.yaml"
    before = campaign.read_text()
    campaign.write_text(before + "\nholdout: { share: 0.9 }\n")
    waiting = [row["profile_id"] for row in cli("outbox", "list", "--workspace", starter).data["messages"]]
    held = held_out_mask({"campaign:newsletter": HoldoutSpec(share=0.9)}, pa.array(waiting)).sum()
    assert held > 0
    report = cli("outbox", "deliver", "--workspace", starter).data
    assert (report["sent"], report["skipped"]) == (5 - held, {"holdout": held})
    measured = cli("results", "newsletter", "--workspace", starter).data
    assert (measured["totals"]["sent"], measured["lift"]["held_out"]) == (5 - held, held)
    campaign.write_text(before)
    assert run(cli, starter, "--occasion", "monday")["sent"] == held


def test_a_seed_at_a_recipients_address_takes_nobodys_place(cli, starter, deliver_with):
    first = (starter / "data" / "profiles.csv").read_text()
    address = re.search(r"[\w.+-]+@[\w.-]+", first).group()
    deliver_with(f"  seeds: [{address}]")
    report = run(cli, starter)
    assert (report["sent"], report["skipped"]) == (6, {})


def test_what_has_not_left_when_the_window_closes_is_skipped(cli, starter, monkeypatch):
    campaign = starter / "campaigns" / "newsletter.yaml"
    campaign.write_text(campaign.read_text() + "schedule:\n  not_after: 2026-11-21T00:00:00\n")
    wall = datetime(2026, 11, 22, tzinfo=UTC)
    monkeypatch.setattr("mailwright.outboxes.open_outbox", partial(open_outbox, clock=wall.timestamp))
    report = run(cli, starter)
    assert (report["sent"], report["skipped"]) == (0, {"stopped": 5})


def test_a_wrong_word_is_an_error_at_its_line(cli, starter, deliver_with):
    deliver_with("  caps: [{ count: 0, days: 7 }]")
    result = cli("send", "newsletter", "--workspace", starter)
    assert result.code == 1
    assert result.data["file"] == "mailwright.yaml"


def test_a_seed_gets_the_mail_and_its_links_are_its_own(cli, starter, deliver_with):
    deliver_with("  seeds: [watch@seeds.example]")
    report = run(cli, starter)
    assert (report["sent"], report["seeds"]) == (6, 1)
    found = mails(starter)
    (seed,) = [mail for mail in found if "watch@seeds.example" in mail["To"]]
    links = [mail["List-Unsubscribe"] for mail in found]
    assert links.count(seed["List-Unsubscribe"]) == 1
    assert not seed["Subject"].startswith("[Test]")
    assert run(cli, starter)["sent"] == 0


def test_a_test_send_is_marked_and_serves_nobody(cli, starter):
    result = cli(
        *("send-test", "newsletter", "--workspace", starter, "--now", NOW),
        *("--to", "qa@shop.example", "--to", "boss@shop.example", "--variants", 2),
    )
    assert result.code == 0, result.err
    count = 2 * len(result.data["profiles"])
    assert result.data["delivery"]["sent"] == count > 2
    tests = mails(starter)
    assert len(tests) == count
    assert {mail["To"] for mail in tests} == {"qa@shop.example", "boss@shop.example"}
    assert all(mail["Subject"].startswith("[Test] ") for mail in tests)
    assert all(mail["X-Mailwright-Test"] == "yes" for mail in tests)
    assert (starter / ".mailwright" / "tests.db").exists()
    assert cli("forget", result.data["profiles"][0], "--workspace", starter, "--yes").code == 0
    assert not (starter / ".mailwright" / "tests.db").exists()
    assert run(cli, starter)["sent"] == 4


def test_a_test_send_is_of_the_profiles_that_are_named(cli, starter):
    ids = ["nobody"]
    refused = cli(
        "send-test", "newsletter", "--workspace", starter, "--to", "qa@shop.example", "--profile", ids[0]
    )
    assert refused.code == 2
    assert "nobody" in refused.data["error"]
    assert cli("send-test", "newsletter", "--workspace", starter).code == 2
    assert cli("send-test", "newsletter", "--workspace", starter, "--to", "no address").code == 2
    assert not mails(starter)


def test_attributes_are_synced_and_then_only_what_changed(cli, starter):
    config = starter / "mailwright.yaml"
    config.write_text(config.read_text() + "\nattributes: { adapter: klaviyo, recommendations: 2 }\n")
    asked = ("sync-attributes", "--workspace", starter, "--now", NOW, "--stub-esp")
    dry = cli(*asked, "--dry-run")
    assert dry.code == 0, dry.err
    assert (dry.data["changed"], dry.data["calls"]) == (6, 0)
    first = cli(*asked).data
    assert (first["changed"], first["calls"]) == (6, 1)
    assert cli(*asked).data["changed"] == 0
    profiles = starter / "data" / "profiles.csv"
    profiles.write_text(profiles.read_text().replace("1200", "1201"))
    assert cli(*asked).data["changed"] == 0  # points are no attribute of theirs
    refused = cli("sync-attributes", "--workspace", starter, "--now", NOW)
    assert refused.code == 1
    assert "KLAVIYO_API_KEY" in refused.data["error"]
