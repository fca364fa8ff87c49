"""Traces: what takes time is a span, a request's is continued, and none names a profile."""

from __future__ import annotations

import time

import pytest
from starlette.testclient import TestClient

from tests.triggers.conftest import NOW, track
from triggers.http import EventSettings, event_app
from triggers.tracing import exported_traces, span, trace_to
from triggers.worker import Worker

pytest.importorskip("opentelemetry.sdk")


@pytest.fixture
def spans():
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_to(provider)
    yield exporter.get_finished_spans
    trace_to(None)


def test_from_the_request_to_the_mail_everything_is_a_span(opened, sqlite_url, spans):
    live = opened(sqlite_url, only=["welcome"])
    with Worker(live, clock=lambda: NOW) as worker:
        with TestClient(event_app(worker, EventSettings(frozenset({"k"})))) as client:
            caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            headers = {"X-Write-Key": "k", "traceparent": caller}
            assert (
                client.post("/v1/track", json=track("p1", "signed_up", 0), headers=headers).status_code == 200
            )
        end = time.monotonic() + 60
        while not live.adapter.sent and time.monotonic() < end:
            time.sleep(0.05)
    by_name = {one.name: one for one in spans()}
    assert {"events.take", "events.commit", "runs.fire", "mails.deliver"} <= by_name.keys()
    taken, commit = by_name["events.take"], by_name["events.commit"]
    assert f"{taken.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert [link.context.span_id for link in commit.links] == [taken.context.span_id]
    assert "p1" not in str([(one.name, dict(one.attributes)) for one in spans()])


def test_where_nobody_collects_nothing_is_made():
    with exported_traces({}) as exporting, span("anything") as found:
        assert not exporting
        assert found is None


def test_a_named_collector_gets_the_spans(httpd_spans):
    url, bodies = httpd_spans
    with exported_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": url}) as exporting:
        assert exporting
        with span("events.take", calls=3) as found:
            assert found is not None
    assert any(b"events.take" in body for body in bodies)


@pytest.fixture
def httpd_spans(monkeypatch):
    """A collector on this machine: its address, and the bodies that it was sent."""
    import gzip
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    bodies = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    yield url, bodies
    server.shutdown()
    thread.join()
    server.server_close()
