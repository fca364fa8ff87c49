"""The running process: commits events in groups, takes due runs on, sends; and stops without losing any."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Protocol

from send import DeliveryPolicy
from triggers.commits import IDLE_S, MOST_QUEUED, Commits
from triggers.histogram import Histogram
from triggers.ingest import Ingested
from triggers.live import Triggers
from triggers.log import safe_words, say
from triggers.tracing import span
from triggers.world import World

REREAD_S = 30.0
"""How often the data files are looked at."""


class Feed(Protocol):
    """What brings events to a worker by itself."""

    lag: int

    @property
    def alive(self) -> bool: ...


class Worker:
    """Runs ``Triggers`` in four threads; ``submit`` is what HTTP, WebSocket and files hand calls to."""

    def __init__(
        self,
        live: Triggers,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        policy: DeliveryPolicy | None = None,
        most_queued: int = MOST_QUEUED,
        events: bool = True,
        runs: bool = True,
        reread: Callable[[datetime], World | None] | None = None,
    ) -> None:
        """``events`` and ``runs`` say what this process does: a busy server takes events in one process and
        leaves runs and mails to another, on the same store. ``reread`` gives the data where they have changed
        (``triggers.reread.Rereader``)."""
        self.live, self.clock, self._policy = live, clock, policy or DeliveryPolicy()
        self._runs = runs
        self._stopping = threading.Event()
        self._due, self._mail = threading.Event(), threading.Event()
        self.counts: Counter[str] = Counter()
        """accepted, duplicates, refused, busy, failures, fired, sent."""
        self._commits = Commits(
            live.read, live.take, clock=clock, counts=self.counts, most_queued=most_queued
        )
        self.notes = self._commits.notes
        self.commit_seconds = self._commits.seconds
        self.send_seconds = Histogram()
        """Of commits; and of mails, from when their due runs were taken to when the ESP had accepted them."""
        self._fired_at: deque[float] = deque(maxlen=10_000)
        self.beat = time.monotonic()
        self.feeds: list[Feed] = []
        self._reread, self._fresh = reread, deque[World](maxlen=1)
        targets = [
            *([self._commits.read_calls, self._commit] * events),
            *([self._fire, self._send] * runs),
            *([self._read] if reread is not None else []),
        ]
        self._threads = [
            threading.Thread(target=target, name=f"mailwright-{target.__name__.strip('_')}", daemon=True)
            for target in targets
        ]

    # ── life ──

    def start(self) -> Worker:
        for thread in self._threads:
            thread.start()
        say("started", triggers=len(self.live.triggers), waiting=self.live.store.count_waiting())
        return self

    def stop(self, timeout_s: float = 30.0) -> None:
        """Take nothing new, commit what was taken, finish the mails under way. Even without waiting for it
        nothing acknowledged is lost."""
        self._commits.stop()
        self._stopping.set()
        self._due.set()
        self._mail.set()
        for thread in self._threads:
            thread.join(timeout_s)
        say("stopped", **self.counts)

    def __enter__(self) -> Worker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether all threads run and the due runs were looked at within the last half minute."""
        looked = not self._runs or time.monotonic() - self.beat < 30
        return all(t.is_alive() for t in self._threads) and looked and all(f.alive for f in self.feeds)

    # ── events ──

    def submit(self, calls: Sequence[Any], source: str = "http") -> Future[Ingested]:
        """Queue calls for the next commit; the future is done when they are stored. Raises BusyError."""
        return self._commits.submit(calls, source)

    @property
    def queued(self) -> int:
        """Calls that are not yet stored."""
        return self._commits.queued

    def _commit(self) -> None:
        self._commits.run(self._due.set)

    # ── runs and mails ──

    def _fire(self) -> None:
        swept = next_sweep = self.clock()
        while not self._stopping.is_set():
            self.beat = time.monotonic()
            self._due.clear()
            now = self.clock()
            try:
                if self._fresh:
                    self.live.renew(self._fresh.popleft())
                    next_sweep = now
                if now >= next_sweep or swept == now:
                    self.live.sweep(now)
                    next_sweep = self.live.next_sweep(now)
                fired = self._fire_some(now)
            except Exception as error:
                self.counts["failures"] += 1
                say("firing failed", error=type(error).__name__, told=safe_words(error))
                self._stopping.wait(1.0)
                continue
            if fired:
                self.counts["fired"] += fired
                self._fired_at.append(self.beat)
                self._mail.set()
                continue
            self._due.wait(IDLE_S)

    def _fire_some(self, now: datetime) -> int:
        due = self.live.store.next_due()
        if due is None or due > now:
            return 0
        with span("runs.fire") as told:
            fired = self.live.fire(now)
            if told is not None:
                told.set_attribute("runs", fired)
        return fired

    def _read(self) -> None:
        """Only reads; who fires takes what was read, between two mails."""
        assert self._reread is not None
        while not self._stopping.wait(REREAD_S):
            try:
                found = self._reread(self.clock())
            except Exception as error:
                self.counts["failures"] += 1
                say("data not read", error=type(error).__name__, told=safe_words(error))
                continue
            if found is None:
                continue
            say("data read again")
            if self._runs:
                self._fresh.append(found)
                self._due.set()
            else:
                self.live.renew(found)

    def _send(self) -> None:
        while not self._stopping.is_set():
            self._mail.wait(2.0)
            self._mail.clear()
            self._deliver()
        self._deliver()

    def _deliver(self) -> None:
        started = time.monotonic()
        try:
            with span("mails.deliver") as told:
                report = self.live.deliver(self._policy)
                if told is not None:
                    told.set_attributes({"sent": report.sent, "unknown": report.unknown})
            self.counts["sent"] += report.sent
            done = time.monotonic()
            # Where no call was made there was no mail; where one failed its mail still waits.
            while (report.sent or not report.calls) and self._fired_at and self._fired_at[0] < started:
                fired_at = self._fired_at.popleft()
                if report.sent:
                    self.send_seconds.observe(done - fired_at)
        except Exception as error:
            self.counts["failures"] += 1
            say("delivery failed", error=type(error).__name__, told=safe_words(error))
            self._stopping.wait(1.0)
