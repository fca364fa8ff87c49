"""What was sent can be replayed, seen in the browser, shown to the person and erased."""

import json
import re

import pytest
from starlette.testclient import TestClient

from mailwright.server import make_app
from mailwright.workspace import open_workspace
from tests.cli.conftest import NOW

SECRET = "a secret that only this test has"  # noqa: S105


@pytest.fixture
def sent(cli, starter, monkeypatch):
    """The starter, its newsletter sent; ids of messages by profile."""
    monkeypatch.setenv("MAILWRIGHT_SECRET", SECRET)
    assert cli("run", "newsletter", "--workspace", starter, "--now", NOW).data["sent"] == 5
    rows = cli("outbox", "list", "--workspace", starter).data["messages"]
    return {row["profile_id"]: row["message_id"] for row in rows}


def test_a_sent_mail_can_be_made_again_after_everything_has_changed(cli, starter, sent):
    for name, old, new in (
        ("campaigns/newsletter.yaml", "a few things", "some things"),
        ("data/items.csv", "Wool cap", "Woollen cap"),
        ("data/profiles.csv", "Ada", "Adele"),
        ("mailwright.yaml", "1 High Street", "2 High Street"),
    ):
        path = starter / name
        path.write_text(path.read_text().replace(old, new))
    for message in sent.values():
        found = cli("replay", message, "--workspace", starter)
        assert found.code == 0, found.err
        assert found.data["equal"]
        assert found.data["bytes"] > 10_000


def test_a_replay_notices_when_it_is_not_the_same_mail(cli, starter, sent, monkeypatch):
    monkeypatch.setenv("MAILWRIGHT_SECRET", "another secret")
    found = cli("replay", sent["p1"], "--workspace", starter)
    assert found.code == 1
    assert "html" in found.data["different"]


@pytest.mark.usefixtures("sent")
def test_no_such_message_is_wrong_use(cli, starter):
    assert cli("replay", "0" * 32, "--workspace", starter).code == 2


@pytest.mark.usefixtures("sent")
def test_a_mail_can_be_seen_in_the_browser_and_unsubscribed_from(cli, starter):
    html = json.loads(cli("access", "p1", "--workspace", starter, "--now", NOW).out)["mails"][0]["html"]
    client = TestClient(make_app(open_workspace(starter), SECRET.encode()))
    view = re.search(r"https://mail\.example\.com(/v/[^\"]+)", html).group(1)
    assert client.get(view).text == html
    link = re.search(r"https://mail\.example\.com(/u/[^\"]+)", html).group(1)
    assert client.get(link).status_code == 200
    assert client.post(link).status_code == 200
    again = cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--occasion", "second").data
    assert (again["sent"], sum(again["delivery"]["skipped"].values())) == (4, 1)


def test_a_person_sees_all_that_is_held(cli, starter, sent):
    held = cli("access", "p1", "--workspace", starter, "--now", NOW).data
    assert held["profile"]["first_name"] == "Ada"
    assert len(held["held"]["interactions"]) == 4
    assert [row["message_id"] for row in held["sending"]["messages"]] == [sent["p1"]]
    assert held["mails"][0]["subject"].startswith("Ada,")
    assert cli("access", "p99", "--workspace", starter).code == 2


@pytest.mark.usefixtures("sent")
def test_a_forgotten_person_is_nowhere_and_stays_unmailable(cli, starter):
    profiles = (starter / "data" / "profiles.csv").read_text()
    assert cli("coverage", "newsletter", "--workspace", starter, "--now", NOW, "--workers", 1).code == 0
    assert [path for path in (starter / ".mailwright").rglob("*.json") if b"p1" in path.read_bytes()]
    done = cli("forget", "p1", "--workspace", starter)
    assert done.code == 0, done.err
    for path in (starter / ".mailwright").rglob("*.json"):
        assert b'"p1"' not in path.read_bytes(), path
    assert done.data["mails"] == 1
    assert done.data["messages"] == 1
    for path in starter.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"ada@example.com" not in content, path
            assert b"Ada" not in content, path
    assert cli("access", "p1", "--workspace", starter).code == 2
    (starter / "data" / "profiles.csv").write_text(profiles)
    again = cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--occasion", "second").data
    assert again["delivery"]["skipped"] == {"suppressed": 1}


def test_the_other_mails_can_still_be_replayed_after_one_was_erased(cli, starter, sent):
    assert cli("forget", "p1", "--workspace", starter).code == 0
    assert cli("replay", sent["p2"], "--workspace", starter).data["equal"]
    assert cli("replay", sent["p1"], "--workspace", starter).code == 2
