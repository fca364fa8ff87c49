"""``run`` and ``send``: the contract of their JSON, and that nobody is sent the same mail twice."""

import re
import shutil

import pytest

from tests.cli.conftest import NOW


def run(cli, workspace, *options):
    result = cli("run", "newsletter", "--workspace", workspace, "--now", NOW, "--workers", 1, *options)
    assert result.code == 0, result.err
    return result.data


def test_every_profile_is_rendered_or_skipped_with_a_reason(cli, starter):
    data = run(cli, starter, "--dry-run")
    assert data["profiles"] == 6
    assert data["profiles"] == data["rendered"] + sum(data["skipped"].values())
    assert data["skipped"] == {"no_consent": 1}
    assert data["sent"] == 0
    assert data["variants"] >= 1
    assert data["segments"] == {"loyal": 1, "new": 3}
    assert re.fullmatch(r"[0-9a-f]{32}", data["fingerprint"])
    assert {"read", "segment", "train", "recommend", "compile", "choose", "render"} <= set(data["seconds"])
    assert sum(data["recommendation_sources"].values()) > 0


def test_a_campaign_reaches_each_recipient_once_an_occasion(cli, starter):
    first = run(cli, starter, "--stub-esp", "--occasion", "monday")
    assert first["sent"] == first["rendered"] == 5
    again = run(cli, starter, "--stub-esp", "--occasion", "monday")
    assert again["sent"] == 0
    assert again["rendered"] == 5
    assert again["delivery"]["already_sent"] == 5
    assert run(cli, starter, "--stub-esp", "--occasion", "tuesday")["sent"] == 5


def test_a_dry_run_after_a_send_does_all_but_the_sending(cli, starter):
    run(cli, starter, "--stub-esp", "--occasion", "monday")
    dry = run(cli, starter, "--dry-run", "--occasion", "monday")
    assert (dry["rendered"], dry["sent"]) == (5, 0)


def test_the_report_says_that_mjml_and_inlining_ran_once(cli, starter):
    shutil.rmtree(starter / ".mailwright", ignore_errors=True)
    runs = [run(cli, starter, "--dry-run")["compiled"] for _ in range(2)]
    assert runs == [{"mjml_runs": 1, "inline_runs": 1}, {"mjml_runs": 0, "inline_runs": 0}]


def test_without_an_esp_mails_become_files(cli, starter):
    data = run(cli, starter)
    assert data["sent"] == 5
    assert len(list((starter / ".mailwright").rglob("*.eml"))) == 5


def test_nothing_is_left_in_the_spool(cli, starter):
    run(cli, starter, "--stub-esp")
    assert not list((starter / ".mailwright").glob("spool-*"))


def test_a_broken_gate_sends_nothing(cli, starter):
    campaign = starter / "campaigns" / "newsletter.yaml"
    campaign.write_text(campaign.read_text().replace("max_skipped: 0.5", "min_recipients: 100"))
    result = cli("run", "newsletter", "--workspace", starter, "--now", NOW)
    assert result.code == 1
    assert "min_recipients" in result.data["error"]
    assert not list((starter / ".mailwright").rglob("*.eml"))
    dry = run(cli, starter, "--dry-run")
    assert [gate["holds"] for gate in dry["gates"]] == [False]


def test_outside_its_schedule_a_campaign_is_not_sent(cli, starter):
    campaign = starter / "campaigns" / "newsletter.yaml"
    campaign.write_text(campaign.read_text() + "schedule:\n  not_before: 2026-12-01T00:00:00Z\n")
    result = cli("send", "newsletter", "--workspace", starter, "--now", NOW)
    assert result.code == 1
    assert "2026-12-01" in result.data["error"]
    assert run(cli, starter, "--dry-run")["rendered"] == 5


def test_a_real_esp_is_not_used_without_the_workspace_s_secret(cli, starter, monkeypatch):
    monkeypatch.delenv("MAILWRIGHT_SECRET", raising=False)
    config = starter / "mailwright.yaml"
    text = config.read_text().replace(
        "esp: { adapter: folder }", "esp: { adapter: sendgrid, credentials: { api_key: SENDGRID_API_KEY } }"
    )
    config.write_text(text)
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.very-secret")
    result = cli("send", "newsletter", "--workspace", starter, "--now", NOW)
    assert result.code == 1
    assert "MAILWRIGHT_SECRET" in result.out
    assert "very-secret" not in result.out + result.err


def test_a_mail_with_a_local_picture_is_never_sent(cli, starter):
    (starter / "images").mkdir()
    (starter / "images" / "cap.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    items = starter / "data" / "items.csv"
    lines = items.read_text().splitlines()
    items.write_text(
        "\n".join([lines[0] + ",image", *(line + ",images/cap.png" for line in lines[1:])]) + "\n"
    )
    refused = cli("run", "newsletter", "--workspace", starter, "--now", NOW)
    assert refused.code == 1
    assert "assets_base_url" in refused.out
    assert run(cli, starter, "--dry-run")["rendered"] == 5
    config = starter / "mailwright.yaml"
    config.write_text(config.read_text() + "assets_base_url: https://assets.example.com\n")
    assert run(cli, starter)["sent"] == 5


CHANGES = {
    "campaign": ("campaigns/newsletter.yaml", "a few things", "some things"),
    "audience": ("data/profiles.csv", "1200", "1201"),
    "catalogue": ("data/items.csv", "Wool cap", "Woollen cap"),
    "interactions": ("data/interactions.csv", "2026-10-11", "2026-10-12"),
    "configuration": ("mailwright.yaml", "1 High Street", "2 High Street"),
    "segments": ("segments.yaml", "purchases >= 3", "purchases >= 4"),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_the_fingerprint_changes_with_whatever_changes(cli, starter, changed):
    before = run(cli, starter, "--dry-run")["fingerprint"]
    assert run(cli, starter, "--dry-run", "--occasion", "other")["fingerprint"] == before
    name, old, new = CHANGES[changed]
    path = starter / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert run(cli, starter, "--dry-run")["fingerprint"] != before


def test_the_fingerprint_changes_with_a_block_and_with_the_seed(cli, starter):
    before = run(cli, starter, "--dry-run")["fingerprint"]
    assert run(cli, starter, "--dry-run", "--seed", "99")["fingerprint"] != before
    block = starter / "blocks" / "hero" / "ours.mjml"
    block.parent.mkdir(parents=True)
    block.write_text(
        "---\nslot: hero\npriority: 99\n---\n"
        "<mj-section><mj-column><mj-text>Ours</mj-text></mj-column></mj-section>\n"
    )
    assert run(cli, starter, "--dry-run")["fingerprint"] != before


def test_what_nobody_approved_is_not_sent(cli, starter):
    result = cli("send", "newsletter", "--workspace", starter, "--now", NOW, "--require-approval")
    assert result.code == 1
    assert "approv" in result.err
    assert not list((starter / ".mailwright").rglob("*.eml"))
