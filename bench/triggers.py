"""Proof of ``triggers``: events a second, latency, sleeping runs, crashes. One JSON object with ``--json``.

``events``: HTTP batches of 100 into a server process → stored, profiles updated, rules of all example
triggers evaluated; 10,000 profiles, one worker; once more while another process sends the mails; with
``--postgres`` on PostgreSQL too, as durable as in use. ``yardstick_s`` tells two machines, or hours, apart.
``latency``: from the request to the mail's acceptance by the stub ESP, no wait, at 50 events a second.
``pending``: start and memory with sleeping runs. ``crash``: see bench/crashes.py.

    python bench/triggers.py [--json] [--part events|latency|pending|crash] [--events N] [--kills N] …
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.crashes import compare
from mailwright.model.identity import message_id
from mailwright.model.workspace import EspSpec
from mailwright.workspace import open_workspace
from send import StubEsp, open_adapter, open_outbox
from send.stub import stub_environ, stub_options
from tests.postgres import postgres_server
from tests.triggers.conftest import NOW, make_workspace, track

PEOPLE = 10_000
ADAPTER = "resend"
SENDERS = 48
"""Requests under way at a time: more than one commit takes, so that the server never waits for the client."""
KEY = {"X-Write-Key": "bench"}
KINDS = (
    ("product_viewed",) * 6 + ("page_viewed",) * 3 + ("product_added", "checkout_started", "order_completed")
)


def serve(store: str, root: str, port: int, esp: str, only: str, parts: str) -> None:
    """The server process, for events, runs or both. Its clock is the machine's, from NOW on."""
    import uvicorn

    from mailwright.model.garbage import settle_memory
    from triggers import EventSettings, Worker, open_triggers
    from triggers.http import event_app

    began = datetime.now(UTC)
    address = f"{esp}/{ADAPTER}"
    spec = EspSpec(adapter=ADAPTER, base_url=address, options=stub_options(ADAPTER, address))
    live = open_triggers(
        open_workspace(Path(root)),
        outbox=open_outbox(store),
        adapter=open_adapter(spec, stub_environ(ADAPTER), root=Path(root)),
        now=NOW,
        only=only.split(",") if only else None,
    )
    settle_memory()
    clock = lambda: NOW + (datetime.now(UTC) - began)  # noqa: E731
    with Worker(live, clock=clock, events="events" in parts, runs="runs" in parts) as worker:
        app = event_app(worker, EventSettings(frozenset({"bench"})))
        uvicorn.run(app, port=port, log_level="error", access_log=False)


class Server:
    """A server process, ready when entered."""

    def __init__(self, store: str, root: Path, esp: str, only: str = "", parts: str = "events runs") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, __file__, "--serve", store, str(root), str(self.port), esp, only, parts]
        self.process = subprocess.Popen(command)

    def __enter__(self) -> Server:
        until = time.monotonic() + 120
        with httpx.Client(base_url=self.url) as client:
            while time.monotonic() < until and self.process.poll() is None:
                with suppress(httpx.TransportError):
                    if client.get("/readyz").status_code == 200:
                        return self
                time.sleep(0.1)
        raise RuntimeError("the server did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)


def make_events(count: int, seed: int = 1) -> list[dict[str, Any]]:
    dice = random.Random(seed)  # noqa: S311 repeatable
    made = []
    for n in range(count):
        call: dict[str, Any] = track(
            f"p{dice.randrange(PEOPLE)}",
            dice.choice(KINDS),
            -dice.random() / 100,
            product_id=f"i{dice.randrange(12)}",
            category=dice.choice(("shoes", "tents", "boats")),
            cart_id=f"c{n}",
        )
        made.append({**call, "messageId": f"m{seed}-{n}"})
    return made


def in_batches(calls: list[dict[str, Any]]) -> list[bytes]:
    """Bodies of a hundred calls each, made before the clock starts: who sends shares the two cores."""
    return [orjson.dumps({"batch": calls[i : i + 100]}) for i in range(0, len(calls), 100)]


async def _post_all(url: str, bodies: list[bytes], senders: int) -> None:
    waiting = iter(bodies)
    async with httpx.AsyncClient(base_url=url, headers=KEY, timeout=60) as client:

        async def send() -> None:
            for body in waiting:
                while (await client.post("/v1/batch", content=body)).status_code != 200:
                    await asyncio.sleep(0.2)

        await asyncio.gather(*(send() for _ in range(senders)))


def events_per_s(store: str, root: Path, count: int, *, sending: bool = False) -> float:
    """From the first request until the last answer, after a warm-up of a tenth. With ``sending`` another
    process carries out the runs and sends the mails at the same time."""
    with ExitStack() as stack:
        esp = stack.enter_context(StubEsp(process=True))
        if sending:
            stack.enter_context(Server(store, root, esp.url, parts="runs"))
        server = stack.enter_context(Server(store, root, esp.url, parts="events"))
        asyncio.run(_post_all(server.url, in_batches(make_events(count // 10, seed=2)), 4))
        bodies = in_batches(make_events(count))
        started = time.perf_counter()
        asyncio.run(_post_all(server.url, bodies, SENDERS))
        return round(count / (time.perf_counter() - started), 1)


def yardstick() -> float:
    """Seconds for a million steps of plain Python, the best of five: what this machine is worth right now."""
    times = []
    for _ in range(5):
        started = time.process_time()
        sum(n * n % 7 for n in range(1_000_000))
        times.append(time.process_time() - started)
    return round(min(times), 4)


def latency(store: str, root: Path, count: int, per_s: float = 50) -> dict[str, Any]:
    """Seconds from the request to the acceptance, for each mail, as seen from the stub."""
    asked: dict[str, float] = {}
    done: dict[str, float] = {}
    with StubEsp(process=True) as esp, Server(store, root, esp.url, "welcome") as server:

        async def run() -> None:
            async with httpx.AsyncClient(base_url=server.url, headers=KEY, timeout=60) as client:
                began = time.time()
                under_way = []
                for n in range(count):
                    await asyncio.sleep(max(0.0, began + n / per_s - time.time()))
                    call = {**track(f"p{n}", "signed_up", 0), "timestamp": NOW.isoformat()}
                    asked[message_id("welcome-1", f"p{n}", "welcome/ever/1")] = time.time()
                    under_way.append(asyncio.create_task(client.post("/v1/track", json=call)))
                await asyncio.gather(*under_way)

        asyncio.run(run())
        until = time.monotonic() + 60
        while time.monotonic() < until and esp.counts["mails"] < count:
            time.sleep(0.2)
        for mail in esp.mailbox:
            done[str(mail.message_id)] = mail.at
    times = sorted(done[name] - at for name, at in asked.items() if name in done)
    if not times:
        return {"mails": 0}
    at = {
        share: round(1000 * times[min(len(times) - 1, int(share * len(times)))], 1) for share in (0.5, 0.99)
    }
    return {"mails": len(times), "trigger_p50_ms": at[0.5], "trigger_p99_ms": at[0.99]}


def pending(root: Path, sleeping: int, folder: Path) -> dict[str, Any]:
    """A process of its own opens the workspace over that many sleeping runs: a restart, so what the first
    start leaves on disk (the model, the compiled mails) is there. ``first_start_s`` is over none."""
    from sqlalchemy import insert

    from triggers.schema import runs
    from triggers.store import Store

    url = f"sqlite:///{folder}/pending.db"
    outbox = open_outbox(url)
    store = Store(outbox)
    later = (NOW + timedelta(days=1)).timestamp()
    rows = [
        {
            "trigger": "cart-abandoned",
            "profile_id": f"p{n % PEOPLE}",
            "occasion": f"c{n}",
            "state": "waiting",
            "place": 0,
            "version": "v",
            "due_at": later + n,
            "started_at": NOW.timestamp(),
            "event": b"{}",
            "trace": b"[]",
        }
        for n in range(sleeping)
    ]
    command = [sys.executable, __file__, "--wake", url, str(root)]
    first = json.loads(subprocess.check_output(command))
    with store.db.write() as connection:
        connection.execute(insert(runs), rows)
    outbox.close()
    found: dict[str, Any] = json.loads(subprocess.check_output(command))
    return {**found, "first_start_s": first["start_s"]}


def wake(store: str, root: str) -> None:
    from triggers import open_triggers

    started = time.perf_counter()
    live = open_triggers(
        open_workspace(Path(root)),
        outbox=open_outbox(store),
        adapter=open_adapter(EspSpec(adapter="memory"), {}, root=Path(root)),
        now=NOW,
    )
    live.fire(NOW)
    took = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sleeping = live.store.count_waiting()
    print(json.dumps({"sleeping": sleeping, "start_s": round(took, 2), "memory_mb": round(memory)}))  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=["events", "latency", "pending", "crash"], action="append")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--sleeping", type=int, default=100_000)
    parser.add_argument("--mails", type=int, default=500)
    parser.add_argument(
        "--postgres",
        nargs="?",
        const="",
        help="events on PostgreSQL too; SQLAlchemy address, or one is started",
    )
    given = parser.parse_args()
    parts = given.part or ["events", "latency", "pending", "crash"]
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = folder / "workspace"
        if parts != ["crash"]:
            make_workspace(root, PEOPLE)
        if "events" in parts:
            result["events_per_s"] = events_per_s(f"sqlite:///{folder}/events.db", root, given.events)
            result["events_per_s_while_sending"] = events_per_s(
                f"sqlite:///{folder}/sending.db", root, given.events, sending=True
            )
            if given.postgres is not None:
                own = postgres_server(durable=True)
                with nullcontext(given.postgres) if given.postgres else own as url:
                    result["events_per_s_postgres"] = events_per_s(url, root, given.events)
            result["yardstick_s"] = yardstick()
        if "latency" in parts:
            result |= latency(f"sqlite:///{folder}/latency.db", root, given.mails)
        if "pending" in parts:
            result["pending_timers"] = pending(root, given.sleeping, folder)
        if "crash" in parts:
            people = make_workspace(folder / "crash-workspace", min(PEOPLE, max(10, given.events // 8)))
            result["crash"] = compare(people, folder, given.events, given.kills)
    print(json.dumps(result) if given.json else json.dumps(result, indent=2))  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]), *sys.argv[5:8])
    elif sys.argv[1:2] == ["--wake"]:
        wake(sys.argv[2], sys.argv[3])
    else:
        main()
