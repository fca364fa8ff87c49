"""Events over HTTP and WebSocket: acknowledged means stored, and every bad request has its answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from send.pages.app import PageSettings, mail_app
from tests.triggers.conftest import NOW, track
from triggers.http import EventSettings, event_app, event_routes
from triggers.ingest import Ingested
from triggers.metrics import exposition
from triggers.openapi import OPENAPI
from triggers.worker import Worker

KEY = {"X-Write-Key": "key-1"}
SETTINGS = EventSettings(frozenset({"key-1", "key-2"}), {"shop": b"secret"})


@pytest.fixture
def live(opened, sqlite_url):
    return opened(sqlite_url, only=["welcome", "cart-abandoned"])


@pytest.fixture
def worker(live):
    with Worker(live, clock=lambda: NOW) as running:
        yield running


@pytest.fixture
def client(worker):
    with TestClient(event_app(worker, SETTINGS), raise_server_exceptions=False) as found:
        yield found


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_tracked_event_becomes_a_mail(client, worker):
    body = {k: v for k, v in track("p1", "signed_up", 0).items() if k != "type"}
    answer = client.post("/v1/track", json=body, headers=KEY)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    until(lambda: worker.live.adapter.sent)
    (mime,) = worker.live.adapter.sent.values()
    assert b"Person 1, good that you are here." in mime
    assert client.post("/v1/track", json=body, headers=KEY).json()["duplicates"] == 1
    text = client.get("/metrics").text
    assert 'mailwright_events_total{outcome="accepted"} 1.0' in text
    assert 'what="sent"' in text
    assert "p1" not in text


def test_the_write_key_comes_as_segments_libraries_send_it(client):
    basic = {"Authorization": "Basic " + base64.b64encode(b"key-2:").decode()}
    call = track("p0", "page_viewed", 0)
    assert client.post("/v1/batch", json={"batch": [call]}, headers=basic).status_code == 200
    assert client.post("/v1/batch", json={"batch": [call], "writeKey": "key-1"}).status_code == 200
    for wrong in (
        {},
        {"X-Write-Key": "no"},
        {"Authorization": "Basic ??"},
        {"Authorization": "Bearer key-1"},
    ):
        assert client.post("/v1/batch", json={"batch": [call]}, headers=wrong).status_code == 401


def test_what_of_a_batch_cannot_be_taken_is_told_by_its_place(client):
    batch = [track("p0", "page_viewed", 0), {"type": "track"}, track("p0", "page_viewed", 0)]
    answer = client.post("/v1/batch", json={"batch": batch}, headers=KEY).json()
    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    assert answer["refused"] == [{"index": 1, "reason": "nobody: neither userId nor anonymousId"}]


def test_what_is_odd_about_a_call_is_told_to_whoever_sent_it_and_to_operators(client):
    odd = {**track("p0", "Odd Thing", 0, colour="red"), "messageId": "odd"}
    wrong = track("p1", "product_viewed", 0, product_id="i1", quantity="many")
    answer = client.post("/v1/batch", json={"batch": [odd, wrong]}, headers=KEY).json()
    assert (answer["accepted"], answer["notes"]) == (
        2,
        {
            "event 'odd_thing' is not declared": 1,
            "property 'colour' is not declared": 1,
            "quantity: not a whole number": 1,
        },
    )
    assert client.post("/v1/track", json=track("p1", "page_viewed", 0), headers=KEY).json()["notes"] == {}
    assert "mailwright_event_notes_total{note=\"event 'odd_thing' is not declared\"} 1.0" in (
        client.get("/metrics").text
    )


def test_of_requests_stored_together_each_is_told_of_its_own_calls(live):
    with Worker(live, clock=lambda: NOW, runs=False) as worker:
        with live._ingestion.lock:  # until both wait
            first = worker.submit([track("p0", "page_viewed", 0)])
            asked = [
                worker.submit([track("p1", "page_viewed", n), track("p1", f"odd {n}", n)]) for n in (1, 2)
            ]
        assert first.result(20).notes == {}
        assert [one.result(20).noted for one in asked] == [
            [
                (0, "a time in the future counts as now"),
                (1, "a time in the future counts as now"),
                (1, f"event 'odd_{n}' is not declared"),
            ]
            for n in (1, 2)
        ]


def test_durations_are_counted_since_the_start(live):
    with Worker(live, clock=lambda: NOW, runs=False) as worker:
        for seconds in (0.005, 0.02, 7.0, *[0.3] * 20_000):
            worker.commit_seconds.observe(seconds)
        text = exposition(worker)[0].decode()
    for le, count in (
        ("0.005", 1.0),
        ("0.25", 2.0),
        ("0.5", 20_002.0),
        ("2.5", 20_002.0),
        ("+Inf", 20_003.0),
    ):
        assert f'mailwright_commit_seconds_bucket{{le="{le}"}} {count}\n' in text
    assert "mailwright_commit_seconds_count 20003.0" in text


def test_a_run_that_made_no_mail_does_not_count_as_a_late_mail(opened, sqlite_url):
    live = opened(sqlite_url, only=["high-value-click", "welcome"])
    with Worker(live, clock=lambda: NOW) as worker:
        click = track("p0", "email_clicked", 0, url="https://northlight.example/premium/tents")
        worker.submit([click]).result(20)
        until(lambda: worker.counts["fired"] and not worker._fired_at)
        assert worker.send_seconds.buckets[-1] == ("+Inf", 0.0)
        worker.submit([track("p1", "signed_up", 0)]).result(20)
        until(lambda: worker.send_seconds.buckets[-1] == ("+Inf", 1.0))


def test_notes_of_too_many_kinds_are_counted_together(live, monkeypatch):
    monkeypatch.setattr("triggers.commits.MOST_NOTES", 2)
    with Worker(live, clock=lambda: NOW, runs=False) as worker:
        odd = [{**track("p0", f"odd{n}", 0), "messageId": f"odd{n}"} for n in range(5)]
        worker.submit(odd).result(20)
        assert sorted(worker.notes.values()) == [1, 1, 3]
        assert worker.notes["another"] == 3


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"", 400), (b"12", 400), (b"[" * 100_000, 400), (b"x" * 10_000_000, 413), (b"\xff", 400)],
)
def test_a_body_that_is_none_has_its_answer(client, content, status):
    assert client.post("/v1/batch", content=content, headers=KEY).status_code == status
    assert client.post("/v1/track", content=content, headers=KEY).status_code == status


def test_a_webhook_must_be_signed_by_its_source(client):
    content = json.dumps(track("p0", "page_viewed", 0)).encode()
    good = hmac.new(b"secret", content, hashlib.sha256).hexdigest()

    def send(source, sign):
        url, headers = f"/v1/webhooks/{source}", {"X-Signature": sign}
        return client.post(url, content=content, headers=headers).status_code

    assert send("shop", good) == 200
    assert [send("shop", "0" * 64), send("shop", b"\xe9"), send("other", good)] == [401] * 3


def test_each_message_of_a_websocket_is_answered_when_it_is_stored(client):
    with client.websocket_connect("/v1/stream", headers=KEY) as socket:
        socket.send_text(json.dumps([track("p0", "page_viewed", 0)]))
        assert json.loads(socket.receive_text())["accepted"] == 1
        socket.send_text("{")
        assert json.loads(socket.receive_text())["success"] is False
        socket.send_bytes(json.dumps(track("p0", "page_viewed", 1)).encode())
        assert json.loads(socket.receive_text())["accepted"] == 1


@pytest.mark.parametrize("headers", [{}, {"X-Write-Key": "wrong"}, {"Authorization": "Basic d3Jvbmc6"}])
def test_a_websocket_with_a_wrong_key_is_closed_before_it_opens(client, headers):
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect("/v1/stream", headers=headers),
    ):
        pass
    assert refused.value.code == 1008


def test_over_the_network_a_websocket_with_a_wrong_key_is_answered_403(worker):
    app = event_app(worker, EventSettings(frozenset({"key-1"})))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    address = f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1/stream"
    try:
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{address}?writeKey=wrong")
        assert refused.value.response.status_code == 403
        with connect(f"{address}?writeKey=key-1") as socket:
            socket.send(json.dumps(track("p0", "page_viewed", 0)))
            assert json.loads(socket.recv())["accepted"] == 1
    finally:
        server.should_exit = True
        thread.join(10)


def test_when_too_much_waits_the_answer_is_to_come_again(live, monkeypatch):
    gate = threading.Event()

    def slow(readings, **_):
        gate.wait(20)
        return [Ingested(accepted=len(r.outcomes), outcomes=[""] * len(r.outcomes)) for r in readings]

    monkeypatch.setattr(live, "take", slow)
    with Worker(live, clock=lambda: NOW, most_queued=10) as worker:
        waiting = [worker.submit([{}] * 10)]
        with TestClient(event_app(worker, SETTINGS)) as client:
            answer = client.post("/v1/batch", json={"batch": [{}]}, headers=KEY)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            gate.set()
            assert waiting[0].result(20).accepted == 10
            until(lambda: not worker.queued)
            assert client.post("/v1/batch", json={"batch": [{}]}, headers=KEY).status_code == 200


def test_a_request_that_cannot_be_stored_fails_alone(live, monkeypatch):
    take, groups = live.take, []

    def picky(readings, **more):
        groups.append(len(readings))
        if any(call.user == "p1" for reading in readings for call in reading.taken):
            raise ValueError("not this one")
        return take(readings, **more)

    monkeypatch.setattr(live, "take", picky)
    monkeypatch.setattr("triggers.commits.GROUP_S", 1.0)
    worker = Worker(live, clock=lambda: NOW)
    futures = [worker.submit([track(f"p{n}", "page_viewed", 0)]) for n in range(3)]
    with worker:
        assert [futures[n].result(20).accepted for n in (0, 2)] == [1, 1]
        with pytest.raises(ValueError, match="not this one"):
            futures[1].result(20)
    assert groups == [3, 1, 1, 1]
    assert worker.counts["failures"] == 1


def test_stopping_stores_what_was_taken(live):
    worker = Worker(live, clock=lambda: NOW).start()
    futures = [worker.submit([track(f"p{n}", "page_viewed", 0)]) for n in range(20)]
    worker.stop()
    assert all(future.result(0).accepted == 1 for future in futures)
    assert not worker.alive


def test_readiness_says_when_the_worker_does_not_run(live):
    worker = Worker(live, clock=lambda: NOW)
    with TestClient(event_app(worker, SETTINGS)) as client:
        assert client.get("/readyz").status_code == 503
        worker.start()
        assert client.get("/readyz").json()["status"] == "ok"
        worker.stop()
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_call = st.dictionaries(
    st.sampled_from(list(OPENAPI["paths"]["/v1/track"]["post"]["requestBody"]["content"]["application/json"]
                         ["schema"]["properties"])),
    _json | st.sampled_from(["track", "identify", "alias", "p0", "page_viewed", "2026-11-20T07:00:00Z"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(OPENAPI["paths"])),
    _json | _call | st.fixed_dictionaries({"batch": st.lists(_call)}),
)
def test_no_body_makes_the_server_fail(client, path, body):
    content = json.dumps(body).encode()
    sign = hmac.new(b"secret", content, hashlib.sha256).hexdigest()
    if "get" in OPENAPI["paths"][path]:
        return
    url = path.replace("{source}", "shop")
    answer = client.post(url, content=content, headers={**KEY, "X-Signature": sign})
    assert answer.status_code in (200, 400, 413)


def test_the_routes_stand_beside_the_pages_that_recipients_see(worker, shared_world):
    pages = PageSettings(outbox=worker.live.store.outbox, signer=shared_world.request("cart", "", NOW).signer)
    with TestClient(mail_app(pages, routes=event_routes(worker, SETTINGS))) as client:
        assert client.get("/healthz").status_code == 200
        call = track("p0", "page_viewed", 0)
        assert client.post("/v1/batch", json={"batch": [call]}, headers=KEY).json()["accepted"] == 1
