"""The running process: commits events in groups, takes due runs on, sends; and stops without losing any."""

from __future__ import annotations

import json
import logging
import queue
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from mailwright.errors import MailwrightError, SendError
from send import DeliveryPolicy
from triggers.ingest import Ingested
from triggers.live import Triggers
from triggers.tracing import here, span
from triggers.world import World

log = logging.getLogger("mailwright.triggers")

GROUP_S = 0.005
"""How long the first request of a group waits for others: one commit costs about 3 ms, whatever is in it."""
MOST_TOGETHER = 2_000
"""Calls of one commit."""
MOST_QUEUED = 20_000
"""Calls that wait to be committed; whoever comes then is told to come again (429)."""
IDLE_S = 0.25
REREAD_S = 30.0
"""How often the data files are looked at."""
_ADDRESS = re.compile(r"\S+@\S+")


class BusyError(SendError):
    """More calls wait than fit; nothing of this one was taken."""


@dataclass
class _Request:
    calls: Sequence[Any]
    source: str
    future: Future[Ingested]
    span: Any = None
    """Of the request, where traces are collected."""


class Feed(Protocol):
    """What brings events to a worker by itself."""

    lag: int

    @property
    def alive(self) -> bool: ...


class Worker:
    """Runs ``Triggers`` in three threads; ``submit`` is what HTTP, WebSocket and files hand calls to."""

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
        self._queue: queue.Queue[_Request] = queue.Queue()
        self._most, self.queued = most_queued, 0
        self._count_lock = threading.Lock()
        self._runs = runs
        self._stopping = threading.Event()
        self._due, self._mail = threading.Event(), threading.Event()
        self.counts: Counter[str] = Counter()
        """accepted, duplicates, refused, busy, failures, fired, sent."""
        self.commit_seconds: deque[float] = deque(maxlen=10_000)
        self.send_seconds: deque[float] = deque(maxlen=10_000)
        """Of the last commits, and of the last mails from due to accepted."""
        self._fired_at: deque[float] = deque(maxlen=10_000)
        self.beat = time.monotonic()
        self.feeds: list[Feed] = []
        self._reread, self._fresh = reread, deque[World](maxlen=1)
        targets = [
            *([self._commit] * events),
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
        with self._count_lock:
            if self._stopping.is_set() or self.queued + len(calls) > self._most:
                self.counts["busy"] += len(calls)
                raise BusyError("more events wait than can be taken", fix="send them again in a second")
            self.queued += len(calls)
        request = _Request(calls, source, Future(), here())
        self._queue.put(request)
        return request.future

    def _commit(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            group = self._group()
            if not group:
                continue
            started = time.monotonic()
            calls = sum(len(request.calls) for request in group)
            try:
                with span("events.commit", links=[r.span for r in group], calls=calls, requests=len(group)):
                    self._commit_group(group)
            finally:
                with self._count_lock:
                    self.queued -= calls
            self.commit_seconds.append(time.monotonic() - started)
            self._due.set()

    def _group(self) -> list[_Request]:
        """The requests of the next commit: the first that comes, and what comes within ``GROUP_S`` of it."""
        try:
            group = [self._queue.get(timeout=IDLE_S)]
        except queue.Empty:
            return []
        size, until = len(group[0].calls), time.monotonic() + GROUP_S
        while size < MOST_TOGETHER:
            try:
                request = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            group.append(request)
            size += len(request.calls)
        return group

    def _commit_group(self, group: list[_Request]) -> None:
        if len({request.source for request in group}) == 1:
            try:
                bodies = [call for request in group for call in request.calls]
                found = self.live.ingest(bodies, now=self.clock(), source=group[0].source)
            except Exception as error:
                # One request must not fail the others: each on its own, and whoever is to blame is told.
                say("group failed", error=type(error).__name__)
            else:
                self._answer(group, found)
                return
        for request in group:
            try:
                self._answer(
                    [request], self.live.ingest(request.calls, now=self.clock(), source=request.source)
                )
            except Exception as error:
                self.counts["failures"] += 1
                say("request failed", error=type(error).__name__)
                request.future.set_exception(error)

    def _answer(self, group: list[_Request], found: Ingested) -> None:
        """Give each request of a group its own numbers, by position."""
        self._count(found)
        place = 0
        for request in group:
            outcomes = found.outcomes[place : place + len(request.calls)]
            place += len(request.calls)
            accepted, duplicates = outcomes.count(""), outcomes.count("duplicate")
            refused = [outcome for outcome in outcomes if outcome not in ("", "duplicate")]
            request.future.set_result(
                Ingested(accepted, duplicates, refused, found.notes, outcomes=list(outcomes))
            )

    def _count(self, found: Ingested) -> None:
        self.counts["accepted"] += found.accepted
        self.counts["duplicates"] += found.duplicates
        self.counts["refused"] += len(found.refused)

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
                say("firing failed", error=type(error).__name__, told=_safe_words(error))
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
                say("data not read", error=type(error).__name__, told=_safe_words(error))
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
            while report.sent and self._fired_at and self._fired_at[0] < started:
                self.send_seconds.append(done - self._fired_at.popleft())
        except Exception as error:
            self.counts["failures"] += 1
            say("delivery failed", error=type(error).__name__, told=_safe_words(error))
            self._stopping.wait(1.0)


def _safe_words(error: Exception) -> str:
    """Errors of our own name nobody but by an address, which is taken out; what others say is unknown."""
    return _ADDRESS.sub("(address)", error.what) if isinstance(error, MailwrightError) else ""


def say(what: str, **values: Any) -> None:
    """A line of JSON without anything about anybody."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    log.info(json.dumps({"at": at, "what": what, **values}, default=str))
