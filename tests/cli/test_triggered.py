"""``simulate``, and events that come in over HTTP: the right mail goes out, once."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from mailwright.server import make_app, taking_events
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
