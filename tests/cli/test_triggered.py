"""``simulate``, and events that come in over HTTP: the right mail goes out, once."""

import io
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from mailwright.errors import UsageError
from mailwright.server import event_settings, kafka_settings, make_app, taking_events
from mailwright.workspace import open_workspace

SECRET = b"a secret that only this test has"
KEY = "a-write-key"


def track(event, profile, number, at):
    return {
        "type": "track",
        "event": event,
        "userId": profile,
        "messageId": f"m{number}",
        "timestamp": at.isoformat(),
        "properties": {"product_id": "i4", "quantity": 1},
    }


@pytest.fixture
def shop(starter):
    """The starter with a mail for those who leave something in their basket."""
    (starter / "triggers").mkdir()
    (starter / "triggers" / "basket.yaml").write_text(
        "on: product_added\nwait: 30 minutes\nunless: [order_completed]\ncampaign: basket\n"
    )
    (starter / "campaigns" / "basket.yaml").write_text(
        "template: abandoned-cart\nsubject: You left something\npreheader: It is still there, and it waits.\n"
        "purpose: newsletter\n"
    )
    return starter


def test_a_simulation_says_what_would_be_sent_and_why_not_otherwise(cli, shop, tmp_path):
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    events = tmp_path / "events.jsonl"
    calls = [
        track("product_added", "p1", 1, noon),
        track("product_added", "p2", 2, noon),
        track("order_completed", "p2", 3, noon + timedelta(minutes=10)),
    ]
    events.write_text("".join(json.dumps(call) + "\n" for call in calls))
    data = cli("simulate", events, "--trigger", "basket", "--workspace", shop).data
    assert [(one["profile_id"], one["at"]) for one in data["sent"]] == [("p1", "2026-11-20T12:30:00+00:00")]
    assert any(
        "order_completed" in one.get("detail", "") + one.get("reason", "") for one in data["decisions"]
    )
    shown = cli("simulate", events, "--workspace", shop, plain=True).out
    for words in (
        "│ 2026-11-20 12:00 │ basket  │ p1      │ started   │ until 2026-11-20 12:30",
        "│ 2026-11-20 12:30 │ basket  │ p1      │ sent      │ basket",
        "1 mails (basket 1); 0 runs still wait",
        "  no mail: basket: unless, 1×",
    ):
        assert words in shown
    assert cli("simulate", events, "--trigger", "baskt", "--workspace", shop).code == 2
    assert cli("simulate", tmp_path / "none.jsonl", "--workspace", shop).code == 2
    assert not list((shop / ".mailwright").rglob("*.eml"))


def test_an_event_over_http_becomes_a_mail(shop, monkeypatch):
    trigger = shop / "triggers" / "basket.yaml"
    trigger.write_text(trigger.read_text().replace("30 minutes", "0 minutes"))
    monkeypatch.setenv("MAILWRIGHT_WRITE_KEYS", KEY)
    space = open_workspace(shop)
    now = datetime.now(UTC)
    with taking_events(space, SECRET, now=now) as routes:
        client = TestClient(make_app(space, SECRET, routes=routes))
        call = track("product_added", "p1", 1, now)
        assert client.post("/v1/track", json=call, auth=("wrong", "")).status_code == 401
        assert client.post("/v1/track", json=call, auth=(KEY, "")).status_code == 200
        assert client.post("/v1/track", json=call, auth=(KEY, "")).status_code == 200
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not list(shop.rglob("*.eml")):
            time.sleep(0.05)
        time.sleep(0.3)
    assert len(list(shop.rglob("*.eml"))) == 1


def test_without_write_keys_no_events_are_taken(shop, monkeypatch):
    monkeypatch.delenv("MAILWRIGHT_WRITE_KEYS", raising=False)
    space = open_workspace(shop)
    with taking_events(space, SECRET, now=datetime.now(UTC)) as routes:
        client = TestClient(make_app(space, SECRET, routes=routes))
        assert client.post("/v1/track", json={}).status_code == 404


def test_events_come_from_a_file_and_refused_ones_are_listed_and_replayed(cli, shop, tmp_path, monkeypatch):
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    events = tmp_path / "events.jsonl"
    lines = [json.dumps(track("product_added", "p1", 1, noon)), "no json", json.dumps({"type": "track"})]
    events.write_text("\n".join([*lines, lines[0]]))
    run = ("--workspace", shop, "--now", "2026-11-20T12:05:00Z")
    taken = cli("trigger", "take", events, *run).data
    assert (taken["accepted"], taken["duplicates"], taken["refused"]) == (1, 1, 2)
    monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": io.BytesIO(lines[0].encode())}))
    assert cli("trigger", "take", "-", *run).data["duplicates"] == 1
    letters = cli("trigger", "dead-letters", "--workspace", shop).data["dead_letters"]
    assert [letter["source"] for letter in letters] == ["file:events.jsonl"] * 2
    assert "no json" in cli("trigger", "dead-letters", "--workspace", shop, plain=True).out
    few = cli("trigger", "dead-letters", "--limit", 1, "--workspace", shop, plain=True).out
    assert "the oldest 1 of 2 dead letters" in few
    assert cli("trigger", "replay", *run).data["refused"] == 2
    explained = cli("trigger", "explain", "p1", *run).data["triggers"]["basket"]
    assert explained["when"]["holds"] is True
    assert [(one["state"], one["trace"][0]["what"]) for one in explained["runs"]] == [("waiting", "started")]
    assert "waiting" in cli("trigger", "explain", "p1", *run, plain=True).out
    assert cli("trigger", "explain", "nobody", *run).code == 2
    assert cli("trigger", "explain", *run).code == 2
    assert cli("trigger", "replay", "p1", *run).code == 2
    assert cli("trigger", "take", tmp_path / "none.jsonl", *run).code == 2


def test_live_events_have_the_time_of_the_server_and_no_fixed_clock(cli, shop, tmp_path):
    config = shop / "mailwright.yaml"
    config.write_text(
        config.read_text().replace("\nclock:", "\n# clock:") + "\nclock: 2021-03-04T05:06:07Z\n"
    )
    call = {"type": "track", "userId": "p1", "event": "product_added", "properties": {"product_id": "i1"}}
    (tmp_path / "events.jsonl").write_text(json.dumps(call))
    before = datetime.now(UTC)
    cli("trigger", "take", tmp_path / "events.jsonl", "--workspace", shop)
    explained = cli("trigger", "explain", "p1", "--workspace", shop).data
    assert datetime.fromisoformat(explained["now"]) > before
    (run,) = explained["triggers"]["basket"]["runs"]
    assert datetime.fromisoformat(run["due_at"]) > before
    shown = cli("trigger", "explain", "p1", "--workspace", shop, plain=True).out
    assert f"p1 at {explained['now'][:10]}" in shown


def test_sources_that_sign_their_webhooks_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MAILWRIGHT_EVENT_SOURCES", "shop:s3cret,erp:other")
    assert event_settings().sources == {"shop": b"s3cret", "erp": b"other"}
    monkeypatch.setenv("MAILWRIGHT_EVENT_SOURCES", "shop")
    with pytest.raises(UsageError, match="without a secret"):
        event_settings()
    monkeypatch.setenv("MAILWRIGHT_KAFKA", "127.0.0.1:9092")
    with pytest.raises(UsageError, match="no topic"):
        kafka_settings()
