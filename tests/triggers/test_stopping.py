"""``mailwright serve`` as a process: it stops when told to, and its log names nobody."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from datetime import UTC, datetime

import httpx
import pytest
import sqlalchemy as sa

from mailwright.errors import SendError
from send import StubEsp, open_outbox
from send.stub import stub_environ, stub_options
from tests.triggers.conftest import NOW, make_workspace
from triggers.schema import events
from triggers.worker import Worker

ADAPTER = "resend"
KEY = {"X-Write-Key": "key-1"}
PEOPLE = 8
NAMING = re.compile(r"@|Person|wish|\bp\d\b")
"""What a line must not have of the people here."""


@pytest.fixture
def shop(tmp_path):
    """A workspace of one trigger without a wait, whose ESP is the stub and whose clock is the real one."""
    root = make_workspace(tmp_path / "shop", people=PEOPLE)
    for file in (root / "triggers").iterdir():
        if file.stem != "welcome":
            file.unlink()
    return root


def use(root, esp):
    address = f"{esp.url}/{ADAPTER}"
    spec = {"adapter": ADAPTER, "base_url": address, "options": stub_options(ADAPTER, address)}
    file = root / "mailwright.yaml"
    text = re.sub(r"^clock: .*$", "", file.read_text(), flags=re.M)
    file.write_text(text.replace("esp: { adapter: memory }", f"esp: {json.dumps(spec)}"))


class Served:
    """``mailwright serve`` and what it says."""

    def __init__(self, root):
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=KEY, timeout=300)
        environ = {
            **os.environ,
            **stub_environ(ADAPTER),
            "MAILWRIGHT_SECRET": "a-secret-that-is-long-enough-for-anybody",
            "MAILWRIGHT_WRITE_KEYS": KEY["X-Write-Key"],
        }
        command = [sys.executable, "-c", "from mailwright.cli import main; main()", "serve", "--json"]
        self.process = subprocess.Popen(
            [*command, "--workspace", str(root), "--port", str(port)],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, holds, seconds=300):
        """A busy machine takes its time; a process that has ended does not come back."""
        end = time.monotonic() + seconds
        while True:
            with suppress(httpx.TransportError):
                if holds():
                    return
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.3)  # who asks too often takes the processor from what is waited for

    def ready(self):
        return self.client.get("/readyz").status_code == 200


def signed_up(n):
    return {
        "type": "track",
        "userId": f"p{n}",
        "event": "signed_up",
        "messageId": f"m{n}",
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"query": "a secret wish"},
    }


@pytest.mark.timeout(900)
def test_told_to_stop_it_stores_what_it_took_finishes_its_mails_and_names_nobody(shop):
    with StubEsp(process=True) as esp:
        use(shop, esp)
        esp.fault("slow", times=None, seconds=0.01)  # so that mails are under way when the signal comes
        served = Served(shop)
        try:
            served.until(served.ready)
            calls = [signed_up(n) for n in range(PEOPLE)]
            answer = served.client.post("/v1/batch", json={"batch": calls})
            assert answer.json()["accepted"] == PEOPLE
            served.client.close()  # a connection that stays open would be waited for
            served.until(lambda: esp.counts["mails"] > 0)
            served.process.send_signal(signal.SIGTERM)
            _, told = served.process.communicate(timeout=300)
        finally:
            served.process.kill()
            served.process.wait()
        arrived = [str(mail.message_id) for mail in esp.mailbox]
    assert served.process.returncode == 0, told
    outbox = open_outbox(f"sqlite:///{shop}/.mailwright/outbox.db")
    try:
        with outbox.db.read() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(events)).scalar() == PEOPLE
            states = connection.execute(sa.text("SELECT message_id, status FROM outbox_messages")).all()
    finally:
        outbox.close()
    # None is left half way: what was claimed was sent, and what the ESP took is known to be.
    assert {status for _, status in states} <= {"pending", "accepted"}
    assert {name for name, status in states if status == "accepted"} == set(arrived)
    assert arrived
    lines = [json.loads(line) for line in told.splitlines()]
    assert [line["what"] for line in lines] == ["started", "stopped"]
    assert lines[-1]["accepted"] == PEOPLE
    assert lines[-1]["sent"] == len(arrived)
    assert all(datetime.fromisoformat(line["at"]).tzinfo for line in lines)
    assert not NAMING.search(told)


@pytest.mark.parametrize("half", ["read", "take"])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ValueError, "p1 <p1@example.com>, Person 1, wishes a secret wish"),
        (SendError, "'p1@example.com' is not an address that an ESP takes"),
    ],
)
def test_the_log_tells_of_failures_without_what_they_say_of_people(
    opened, sqlite_url, caplog, monkeypatch, kind, words, half
):
    live = opened(sqlite_url, only=["welcome"])

    def fail(*_, **__):
        raise kind(words)

    for name in ("fire", "deliver", half):
        monkeypatch.setattr(live, name, fail)
    monkeypatch.setattr(live.store, "next_due", lambda: NOW)
    with caplog.at_level("DEBUG"), Worker(live, clock=lambda: NOW) as worker:
        with pytest.raises(kind):
            worker.submit([signed_up(1)]).result(60)
        worker._mail.set()
        end = time.monotonic() + 60
        while worker.counts["failures"] < 3 and time.monotonic() < end:
            time.sleep(0.05)
    ours = [record for record in caplog.records if record.name.startswith("mailwright")]
    lines = [json.loads(record.getMessage()) for record in ours]
    assert {"started", "request failed", "firing failed", "delivery failed", "stopped"} <= {
        line["what"] for line in lines
    }
    assert {line["error"] for line in lines if "error" in line} == {kind.__name__}
    assert not NAMING.search(caplog.text)
