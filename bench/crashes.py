"""Crashes over HTTP: server and worker killed (-9) at random instants, on a virtual clock.

The client repeats, with the same ``messageId``, whatever was not acknowledged. The clock stands still while
events go in, and then moves past every wait in steps, each when nothing is due any more: so that an
undisturbed run and a killed one have the same to decide. What an ESP with idempotency keys accepted in the
one is compared with what it accepted in the other.
"""

from __future__ import annotations

import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mailwright.model.workspace import EspSpec
from mailwright.workspace import open_workspace
from send import DeliveryPolicy, StubEsp, open_adapter, open_outbox
from send.stub import stub_environ, stub_options
from tests.triggers.conftest import NOW, track

ADAPTER = "resend"
TRIGGERS = ("cart-abandoned", "welcome", "follow-up", "niche-search", "browse-abandoned")
LATER = timedelta(days=9)
"""Past every wait of these triggers."""
STEP = timedelta(hours=12)
TOGETHER = 20
"""Calls of a request."""
POLICY = DeliveryPolicy(concurrency=4, backoff_s=0.05, breaker_pause_s=0.05, call_timeout_s=5.0)


def serve(store: str, root: str, port: str, esp: str, clock: str, part: str) -> None:
    """A process that takes events, or fires and sends; its clock is what the file says."""
    import uvicorn

    from triggers import EventSettings, Worker, open_triggers
    from triggers.http import event_app

    address = f"{esp}/{ADAPTER}"
    spec = EspSpec(adapter=ADAPTER, base_url=address, options=stub_options(ADAPTER, address))
    live = open_triggers(
        open_workspace(Path(root)),
        outbox=open_outbox(f"sqlite:///{store}"),
        adapter=open_adapter(spec, stub_environ(ADAPTER), root=Path(root)),
        now=NOW,
        only=TRIGGERS,
        lease_s=2.0,
    )

    def now() -> datetime:
        return datetime.fromisoformat(Path(clock).read_text())

    with Worker(live, clock=now, policy=POLICY, events=part == "events", runs=part == "runs") as worker:
        app = event_app(worker, EventSettings(frozenset({"bench"})))
        uvicorn.run(app, port=int(port), log_level="error", access_log=False)


class Process:
    """A server or worker that is started again whenever it was killed."""

    def __init__(self, part: str, store: Path, root: Path, esp: str, clock: Path) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        # One for all questions: making one costs more than asking.
        self._client = httpx.Client(base_url=self.url, timeout=30)
        self._command = [
            sys.executable, __file__, "--serve", str(store), str(root), str(port), esp, str(clock), part,
        ]  # fmt: skip
        self._running = subprocess.Popen(self._command)

    def ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return self._client.get("/readyz").status_code == 200
        return False

    def kill(self) -> None:
        self._running.kill()
        self._running.wait()
        self._running = subprocess.Popen(self._command)

    def stop(self) -> None:
        self._client.close()
        self._running.terminate()
        self._running.wait(120)


@dataclass
class Arrived:
    """What came of one run: mails by message id; kills; requests that had to be sent again."""

    mails: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    repeated: int = 0


def make_calls(count: int, people: int) -> list[list[dict[str, Any]]]:
    """Batches of calls of all kinds, each person's in one order; a sixth signs up and never buys."""
    dice = random.Random(11)  # noqa: S311 repeatable
    kinds = ("product_viewed", "product_added", "product_searched", "checkout_started", "order_completed")
    calls = []
    for n in range(count):
        who = n % people
        kind = dice.choice(("signed_up", "page_viewed")) if who % 6 == 0 else dice.choice(kinds)
        told = track(
            f"p{who}",
            kind,
            -0.01 + n / count / 200,
            product_id=f"i{dice.randrange(12)}",
            cart_id=f"c{n % 3}",
            order_id=f"o{n}",
            query=dice.choice(["packraft", "tent"]),
        )
        calls.append({**told, "messageId": f"m{n}"})
    return [calls[i : i + TOGETHER] for i in range(0, count, TOGETHER)]


class Killer:
    """Kills one of the processes at random instants: each time some of the work is done that is left."""

    def __init__(self, processes: Sequence[Process], kills: int) -> None:
        self._processes, self._left, self.kills = processes, kills, 0
        self._dice = random.Random(3)  # noqa: S311 repeatable
        self._idle = threading.Event()
        self._idle.set()

    def maybe(self, done: float) -> None:
        """Called as the work goes on, with the share that is done: kills are spread over all of it. The work
        waits for whoever was killed last, or there would be nothing left to kill them at."""
        if not self._left or done < self.kills / (self.kills + self._left):
            return
        self.done()
        self._left -= 1
        self.kills += 1
        self._idle.clear()
        threading.Thread(target=self._kill, daemon=True).start()

    def _kill(self) -> None:
        victim = self._dice.choice(self._processes)
        time.sleep(self._dice.random() / 10)
        victim.kill()
        _until(victim.ready, "a killed process to be ready again")
        self._idle.set()

    def done(self) -> None:
        """Return when whoever was killed last is back."""
        _until(self._idle.is_set, "a killed process to be ready again")


def one_run(root: Path, folder: Path, batches: Sequence[list[dict[str, Any]]], kills: int) -> Arrived:
    """Send everything, then let the time pass until nothing waits, with so many kills on the way."""
    folder.mkdir()
    clock, store, found = folder / "clock", folder / "store.db", Arrived()
    clock.write_text(NOW.isoformat())
    with StubEsp(process=True) as esp:
        esp.fault("timeout-after-accept", times=None, probability=0.01, seconds=0.1)
        processes = [Process(part, store, root, esp.url, clock) for part in ("events", "runs")]
        try:
            _until(lambda: all(one.ready() for one in processes), "server and worker to be ready")
            killer = Killer(processes, kills)
            with httpx.Client(
                base_url=processes[0].url, headers={"X-Write-Key": "bench"}, timeout=30
            ) as client:
                for number, batch in enumerate(batches):
                    killer.maybe(0.7 * number / len(batches))
                    found.repeated += _send(client, batch)
            steps = int(LATER / STEP) + 1
            for step in range(steps):
                now = NOW + step * STEP
                _set(clock, now)
                killer.maybe(0.7 + 0.3 * step / steps)
                _until(partial(_idle, store, now), "what is due to be done")
            killer.done()
            _until(lambda: not _unsent(store), "the last mails to be sent")
        finally:
            for one in processes:
                one.stop()
        found.mails = Counter(str(mail.message_id) for mail in esp.mailbox)
        found.kills = killer.kills
    return found


def compare(root: Path, folder: Path, events: int, kills: int) -> dict[str, Any]:
    """An undisturbed run, a killed one, and in what the mails differ."""
    batches = make_calls(events, people=max(10, events // 8))
    whole = one_run(root, folder / "undisturbed", batches, 0)
    killed = one_run(root, folder / "killed", batches, kills)
    return {
        "events": events,
        "kills": killed.kills,
        "requests_repeated": killed.repeated,
        "expected": len(whole.mails),
        "lost": len(whole.mails.keys() - killed.mails.keys()),
        "unwanted": len(killed.mails.keys() - whole.mails.keys()),
        "duplicated": sum(n - 1 for n in killed.mails.values()),
    }


def _send(client: httpx.Client, batch: list[dict[str, Any]]) -> int:
    """Send until it is acknowledged; how often that failed."""
    failed = 0
    while True:
        with suppress(httpx.HTTPError):
            if client.post("/v1/batch", json={"batch": batch}).status_code == 200:
                return failed
        failed += 1
        time.sleep(0.05)


def _set(clock: Path, now: datetime) -> None:
    """In one stroke: a process that reads it meanwhile finds the old or the new."""
    new = clock.with_suffix(".new")
    new.write_text(now.isoformat())
    new.replace(clock)


def _idle(store: Path, now: datetime) -> bool:
    """Whether nothing is due any more."""
    sql = "SELECT count(*) FROM trigger_runs WHERE state = 'waiting' AND due_at <= ?"
    return _count(store, sql, now.timestamp()) == 0


def _unsent(store: Path) -> int:
    sql = "SELECT count(*) FROM outbox_messages WHERE status IN ('pending', 'claimed', 'unknown')"
    return _count(store, sql)


def _count(store: Path, sql: str, *values: float) -> int:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=30)) as connection:
        return int(connection.execute(sql, values).fetchone()[0])


def _until(holds: Callable[[], bool], what: str, seconds: float = 900) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.2)  # who asks more often takes the processor from those it waits for


if __name__ == "__main__" and sys.argv[1:2] == ["--serve"]:
    serve(*sys.argv[2:8])
