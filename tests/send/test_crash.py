"""``kill -9`` at any instant, on both stores: nothing lost, nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mailwright.errors import SendError
from mailwright.model.message import Status
from send import Outbox, StubEsp, deliver, open_outbox
from send.event import Kind, WebhookRequest
from send.stub.hooks import hooks_for
from tests.send.conftest import adapter_at, make_message
from tests.send.crash_worker import POLICY

COUNT = 150


def start(url: str, esp: StubEsp, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.send.crash_worker", url, esp.url, name, str(COUNT)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def crash_and_finish(url: str, esp: StubEsp, name: str, root: Path, *, workers: int, kills: int) -> Outbox:
    """Kills a random worker ``kills`` times while there is work, and then lets one finish."""
    dice = random.Random(7)  # noqa: S311 repeatable
    for kind in ("503", "429", "reset", "timeout-after-accept"):
        esp.fault(kind, times=None, probability=0.02, seconds=0.1)  # type: ignore[arg-type]
    outbox, running = open_outbox(url), [start(url, esp, name) for _ in range(workers)]
    for i in range(kills):
        victim = i % workers
        wanted = esp.counts["mails"] + dice.randrange(5, COUNT // (kills + 1))
        while esp.counts["mails"] < wanted and running[victim].poll() is None:
            time.sleep(0.01)
        running[victim].kill()
        running[victim].wait()
        running[victim] = start(url, esp, name)
    for process in running:
        process.wait(60)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        report = deliver([], adapter=adapter_at(esp, name, root), outbox=outbox, policy=POLICY)
        if not report.waiting:
            return outbox
        time.sleep(0.5)
    raise AssertionError(f"{report.waiting} messages were never finished")


def read_webhooks(esp: StubEsp, outbox: Outbox, name: str, root: Path) -> None:
    adapter = adapter_at(esp, name, root)
    for _, hook in hooks_for(esp.mailbox, [Kind.DELIVERED], "http://x/", time.time()):
        headers = {key.lower(): value for key, value in hook.headers.items()}
        outbox.feedback.record(
            adapter.webhook(WebhookRequest(f"http://x/{name}", headers, hook.body, time.time()))
        )


@pytest.mark.parametrize("name", ["resend", "sendgrid"])
def test_on_sqlite_a_killed_sender_loses_and_repeats_nothing(name: str, tmp_path: Path) -> None:
    with StubEsp(process=True) as esp:
        outbox = crash_and_finish(f"sqlite:///{tmp_path}/o.db", esp, name, tmp_path, workers=1, kills=2)
        check(esp, outbox, name, tmp_path)


@pytest.mark.parametrize("name", ["resend", "sendgrid"])
def test_on_postgres_a_killed_worker_loses_and_repeats_nothing(
    name: str, tmp_path: Path, fresh_postgres_url: str
) -> None:
    with StubEsp(process=True) as esp:
        outbox = crash_and_finish(fresh_postgres_url, esp, name, tmp_path, workers=2, kills=2)
        check(esp, outbox, name, tmp_path)
        outbox.close()


def check(esp: StubEsp, outbox: Outbox, name: str, root: Path) -> None:
    arrived = Counter(mail.message_id for mail in esp.mailbox)
    rows = {row.message_id: row.status for row in outbox.operators.messages(limit=COUNT + 1)}
    assert len(rows) == COUNT
    assert [m for m, n in arrived.items() if n > 1] == []
    lost = [m for m, status in rows.items() if m not in arrived and status != Status.UNKNOWN]
    assert lost == []
    unknown = [m for m, status in rows.items() if status == Status.UNKNOWN]
    if name == "resend":
        assert unknown == []
        assert len(arrived) == COUNT
        return
    read_webhooks(esp, outbox, name, root)
    left = [row.message_id for row in outbox.operators.messages(status=Status.UNKNOWN, limit=COUNT)]
    assert set(left) == set(rows) - set(arrived)
    assert len(left) <= 2 * 4 * 2 + 8


def test_on_sqlite_one_process_sends_at_a_time(tmp_path: Path, esp: StubEsp) -> None:
    outbox = open_outbox(f"sqlite:///{tmp_path}/o.db")
    lock = outbox.sender_lock()
    assert lock is not None
    lock.acquire()
    with pytest.raises(SendError, match="another process"):
        deliver([make_message()], adapter=adapter_at(esp, "sendgrid", tmp_path), outbox=outbox)
    lock.release()
    assert deliver([make_message()], adapter=adapter_at(esp, "sendgrid", tmp_path), outbox=outbox).sent == 1
