"""The pages that recipients and ESPs call."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time

import pytest
import uvicorn
from starlette.testclient import TestClient

from mailwright.model.links import LinkSigner
from mailwright.model.message import Status
from send import Outbox, StubEsp, deliver
from send.event import Kind
from send.pages import PageSettings, mail_app
from send.stub.hooks import hooks_for
from tests.send.conftest import FAST, MakeAdapter, make_message

SIGNER = LinkSigner("http://testserver", b"a secret of thirty-two bytes or so")


@pytest.fixture
def client(outbox: Outbox, adapter_for: MakeAdapter) -> TestClient:
    names = ("sendgrid", "mandrill", "hubspot")
    return TestClient(
        mail_app(
            PageSettings(
                outbox=outbox,
                signer=SIGNER,
                adapters={name: adapter_for(name) for name in names},
                shop="Frost & Co",
                purposes={"news": "News <b>", "offers": "Offers"},
                view=lambda profile, campaign, occasion: f"<p>{profile} {campaign} {occasion}</p>".encode(),
            )
        ),
        follow_redirects=False,
    )


def test_one_click_unsubscribes_and_the_next_campaign_skips(
    client: TestClient, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    adapter = adapter_for("sendgrid")
    deliver([make_message(1)], adapter=adapter, outbox=outbox, policy=FAST)
    url = SIGNER.unsubscribe_url("p1", "newsletter", "once")
    asked = client.get(url)
    assert asked.status_code == 200
    assert "Frost &amp; Co" in asked.text
    assert outbox.suppressions.reason("p1@mail.example") is None, (
        "a GET, as scanners make it, changes nothing"
    )
    for _ in range(2):
        done = client.post(url, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
    assert outbox.suppressions.reason("P1@MAIL.example") == "unsubscribed"
    report = deliver(
        [make_message(1, campaign="next"), make_message(2, campaign="next")],
        adapter=adapter,
        outbox=outbox,
        policy=FAST,
    )
    assert (report.sent, report.skipped) == (1, {"unsubscribed": 1})


def test_the_profile_is_unsubscribed_even_when_its_mail_is_not_known(
    client: TestClient, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    assert client.post(SIGNER.unsubscribe_url("p1", "older", "2019")).status_code == 200
    report = deliver([make_message(1)], adapter=adapter_for("sendgrid"), outbox=outbox, policy=FAST)
    assert report.skipped == {"unsubscribed": 1}


@pytest.mark.parametrize("path", ["u", "p", "v", "c"])
@pytest.mark.parametrize("token", ["x", "eyJ.eyJ", "..", "%00"])
def test_a_link_that_was_not_signed_here_does_nothing(client: TestClient, path: str, token: str) -> None:
    assert client.get(f"/{path}/{token}").status_code == 404
    other = LinkSigner("http://testserver", b"another secret").token(
        "unsubscribe", "p1", "newsletter", "once"
    )
    assert client.post(f"/u/{other}").status_code == 404


def test_a_link_is_good_for_its_own_page_only(client: TestClient) -> None:
    token = SIGNER.token("view", "p1", "newsletter", "once")
    assert client.post(f"/u/{token}").status_code == 404


def test_preferences_are_kept_and_decide_at_the_moment_of_sending(
    client: TestClient, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    url = f"/p/{SIGNER.token('preferences', 'p1')}"
    page = client.get(url)
    assert "News &lt;b&gt;" in page.text
    assert page.text.count(" checked") == 2
    saved = client.post(url, data={"purpose": "offers"})
    assert "Saved" in saved.text
    assert outbox.suppressions.preferred("p1") == {"news": False, "offers": True, "*": True}
    news = dataclasses.replace(FAST, purpose="news")
    report = deliver([make_message(1)], adapter=adapter_for("sendgrid"), outbox=outbox, policy=news)
    assert report.skipped == {"no_consent": 1}


def test_the_mail_in_the_browser_runs_no_script_and_expires(
    client: TestClient, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    url = f"/v/{SIGNER.token('view', 'p1', 'newsletter', 'once')}"
    assert client.get(url).status_code == 410, "never sent"
    deliver([make_message(1)], adapter=adapter_for("sendgrid"), outbox=outbox, policy=FAST)
    shown = client.get(url)
    assert shown.text == "<p>p1 newsletter once</p>"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert shown.headers["referrer-policy"] == "no-referrer"
    outbox.clock = lambda: time.time() + 91 * 86400
    assert client.get(url).status_code == 410


def test_a_click_is_counted_and_goes_on(client: TestClient, outbox: Outbox, adapter_for: MakeAdapter) -> None:
    message = make_message(1)
    deliver([message], adapter=adapter_for("sendgrid"), outbox=outbox, policy=FAST)
    url = "https://shop.example/i/1?a=1&utm_source=x"
    went = client.get(SIGNER.click_url(message.message_id, url))
    assert (went.status_code, went.headers["location"]) == (302, url)
    assert [row.status for row in outbox.operators.messages()] == [Status.CLICKED]
    (clicked,) = outbox.feedback.interactions()
    assert (clicked.profile_id, clicked.kind, clicked.url) == ("p1", "clicked", url)
    bad = SIGNER.click_url(message.message_id, "javascript:alert(1)")
    assert client.get(bad).status_code == 404


def test_webhooks_move_messages_forward_whatever_their_order(
    client: TestClient, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    deliver([make_message(1)], adapter=adapter_for("sendgrid"), outbox=outbox, policy=FAST)
    new = 0
    for kind in (Kind.OPENED, Kind.DELIVERED, Kind.QUEUED, Kind.OPENED):
        for name, hook in hooks_for(esp.mailbox, [kind], "http://testserver/webhooks/", time.time()):
            answer = client.post(f"/webhooks/{name}", content=hook.body, headers=hook.headers)
            new += answer.json()["new"]
    assert new == 3, "the second 'opened' is the same event"
    assert [row.status for row in outbox.operators.messages()] == [Status.OPENED]


def test_bounces_and_complaints_suppress_the_address(
    client: TestClient, esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    adapter = adapter_for("mandrill")
    deliver([make_message(i) for i in range(3)], adapter=adapter, outbox=outbox, policy=FAST)
    for mail, kind in zip(esp.mailbox, (Kind.BOUNCED, Kind.COMPLAINED, Kind.OPENED), strict=True):
        ((name, hook),) = hooks_for([mail], [kind], "http://testserver/webhooks/", time.time())
        assert client.post(f"/webhooks/{name}", content=hook.body, headers=hook.headers).status_code == 200
    again = [make_message(i, campaign="next") for i in range(3)]
    report = deliver(again, adapter=adapter, outbox=outbox, policy=FAST)
    assert (report.sent, report.skipped) == (1, {"suppressed": 2})


def test_a_forged_webhook_gets_401_and_is_counted(client: TestClient, outbox: Outbox) -> None:
    assert client.post("/webhooks/sendgrid", content=b"[]").status_code == 401
    assert client.post("/webhooks/nobody", content=b"[]").status_code == 404
    assert outbox.feedback.counters() == {"webhooks_refused:sendgrid": 1}
    health = client.get("/healthz")
    assert health.json()["counters"] == {"webhooks_refused:sendgrid": 1}


def test_a_request_that_is_too_large_is_refused(client: TestClient) -> None:
    assert client.post("/webhooks/sendgrid", content=b"x" * 10_000_001).status_code == 413


def test_the_stub_tells_a_running_server_twice_and_in_any_order(
    esp: StubEsp, outbox: Outbox, adapter_for: MakeAdapter
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    signer = LinkSigner(f"http://127.0.0.1:{port}", b"secret")
    names = ("sendgrid", "mandrill", "hubspot", "mailgun")
    adapters = {name: adapter_for(name) for name in names}
    app = mail_app(PageSettings(outbox=outbox, signer=signer, adapters=adapters))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        for name in names:
            messages = [make_message(i, campaign=name) for i in range(3)]
            deliver(messages, adapter=adapters[name], outbox=outbox, policy=FAST)
        url = f"{signer.base_url}/webhooks/"
        statuses = esp.tell(url, Kind.DELIVERED, Kind.OPENED, times=2, seed=3)
    finally:
        server.should_exit = True
        thread.join()
    assert set(statuses) == {200}
    assert {row.status for row in outbox.operators.messages()} == {Status.OPENED}
    assert len(list(outbox.feedback.interactions())) == 3 * 4 * 2
