"""Starts and stops the stub ESP, in a thread of this process or in a process of its own."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, get_args

import httpx

from mailwright.errors import SendError, UsageError
from send.event import Kind
from send.stub.faults import FAULT_KINDS, Fault, FaultKind, FaultPlan
from send.stub.hooks import hooks_for
from send.stub.mailbox import Keep, Mail, Mailbox
from send.stub.stage import Stage, fault_json
from send.stub.wire import Wire


class StubEsp:
    """``with StubEsp() as esp:`` an ESP listens at ``esp.url``; ``esp.address("sendgrid")`` is what an
    adapter's ``base_url`` must be.

    ``process=True`` gives it an interpreter of its own, so that it does not slow down what is measured.
    """

    def __init__(self, *, port: int = 0, process: bool = False, keep: Keep = "all", seed: int = 0) -> None:
        self._port, self._in_process, self._keep, self._seed = port, process, keep, seed
        self._mailbox = Mailbox(keep)
        self._faults = FaultPlan(seed)
        self._child: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._wire: Wire | None = None
        self._client: httpx.Client | None = None
        self.url = ""

    def __enter__(self) -> StubEsp:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Listens; the URL. SendError: the port is taken."""
        if self._in_process:
            return self._start_process()
        ready, failure = threading.Event(), list[OSError]()
        self._thread = threading.Thread(target=self._run, args=(ready, failure), daemon=True)
        self._thread.start()
        ready.wait()
        if failure:
            raise SendError(f"the stub ESP cannot listen: {failure[0].strerror}") from failure[0]
        return self.url

    def stop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._child is not None:
            self._child.terminate()
            self._child.wait(10)
            self._child = None
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
            self._loop = None

    def wait(self) -> None:
        """Blocks until interrupted, then stops (the command ``mailwright stub-esp``)."""
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            self.stop()

    def address(self, esp: str) -> str:
        return f"{self.url}/{esp}"

    @property
    def mailbox(self) -> list[Mail]:
        """What it has taken, in order."""
        if self._child is None:
            return self._mailbox.mails()
        return [Mail(**mail) for mail in self._ask("GET", "mails")]

    @property
    def counts(self) -> dict[str, int]:
        """``mails`` taken, ``calls`` made to platforms, ``bytes`` of their bodies."""
        counts: dict[str, int] = self._ask("GET", "counts")
        return counts

    def fault(
        self,
        kind: FaultKind,
        *,
        times: int | None = 1,
        probability: float = 1.0,
        seconds: float = 1.0,
        esp: str | None = None,
    ) -> None:
        """Asks for a fault: of the next ``times`` calls, or (``times=None``) of each with ``probability``."""
        if kind not in FAULT_KINDS:
            raise UsageError(f"there is no fault {kind!r}", fix=f"one of {', '.join(get_args(FaultKind))}")
        self._ask("POST", "faults", fault_json(Fault(kind, times, probability, seconds, esp)))

    def clear_faults(self) -> None:
        self._ask("DELETE", "faults")

    def clear(self) -> None:
        """Empties the mailbox and its counts."""
        self._ask("DELETE", "mails")

    def reset_connections(self) -> None:
        """Cuts every open connection, as a crash of the platform's front would."""
        self._ask("POST", "cut")

    def tell(
        self,
        url: str,
        *kinds: Kind,
        mails: Sequence[Mail] | None = None,
        times: int = 1,
        seed: int | None = None,
    ) -> list[int]:
        """Sends the platforms' signed webhooks about its mails to ``url`` + the platform's name.

        ``times`` sends each request that often, and a ``seed`` shuffles them, as platforms do. The HTTP
        status of each request.
        """
        requests = hooks_for(self.mailbox if mails is None else mails, kinds, url, time.time()) * times
        if seed is not None:
            random.Random(seed).shuffle(requests)  # noqa: S311 repeatable on purpose
        with httpx.Client(timeout=60) as client:
            return [
                client.post(url + name, content=hook.body, headers=hook.headers).status_code
                for name, hook in requests
            ]

    def _ask(self, method: str, path: str, content: bytes = b"") -> Any:
        if self._client is None:
            # Loopback only: no certificates to read, no proxy to ask.
            self._client = httpx.Client(timeout=60, verify=False, trust_env=False)  # noqa: S501
        url = f"{self.url}/_stub/{path}"
        try:
            response = self._client.request(method, url, content=content)
        except httpx.TransportError:
            # The connection was cut, as it can be on request; these requests may be repeated.
            response = self._client.request(method, url, content=content)
        return response.raise_for_status().json()

    def _run(self, ready: threading.Event, failure: list[OSError]) -> None:
        asyncio.run(self._serve(ready, failure))

    async def _serve(self, ready: threading.Event, failure: list[OSError]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        stage = Stage(self._mailbox, self._faults)
        self._wire = Wire(stage.answer)
        stage.cut = self._wire.reset_all
        try:
            server, port = await self._wire.serve(self._port)
        except OSError as error:
            failure.append(error)
            ready.set()
            return
        self.url = f"http://127.0.0.1:{port}"
        ready.set()
        await self._stop.wait()
        server.close()
        self._wire.reset_all()
        await asyncio.sleep(0)

    def _start_process(self) -> str:
        command = [sys.executable, "-m", "send.stub", str(self._port), self._keep, str(self._seed)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._child.stdout is not None
        self.url = self._child.stdout.readline().strip()
        if not self.url:
            raise SendError("the stub ESP did not start")
        return self.url
