"""Calls that wait to be stored, and their storing in groups: a commit costs the same whatever is in it."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mailwright.errors import SendError
from triggers.histogram import Histogram
from triggers.ingest import Ingested
from triggers.log import say
from triggers.tracing import here, span

GROUP_S = 0.005
"""How long the first request of a group waits for others: one commit costs about 3 ms, whatever is in it."""
MOST_TOGETHER = 2_000
"""Calls of one commit."""
MOST_QUEUED = 20_000
"""Calls that wait to be committed; whoever comes then is told to come again (429)."""
MOST_NOTES = 100
IDLE_S = 0.25


class BusyError(SendError):
    """More calls wait than fit; nothing of this one was taken."""


class Ingest(Protocol):
    """Stores calls (``Triggers.ingest``)."""

    def __call__(self, calls: Sequence[Any], *, now: datetime, source: str) -> Ingested: ...


@dataclass
class _Request:
    calls: Sequence[Any]
    source: str
    future: Future[Ingested]
    span: Any = None
    """Of the request, where traces are collected."""


class Commits:
    """``submit`` may be called by any thread; ``run`` is one thread's work until ``stop``."""

    def __init__(
        self, ingest: Ingest, *, clock: Callable[[], datetime], counts: Counter[str], most_queued: int
    ) -> None:
        self._ingest, self._clock, self._most = ingest, clock, most_queued
        self._queue: queue.Queue[_Request] = queue.Queue()
        self._lock = threading.Lock()
        self._stopping = False
        self.queued = 0
        """Calls that are not yet stored."""
        self.counts = counts
        """accepted, duplicates, refused, busy, failures."""
        self.notes: Counter[str] = Counter()
        """What was wrong with calls that were taken, of the first ``MOST_NOTES`` kinds."""
        self.seconds = Histogram()
        """Of the commits."""

    def submit(self, calls: Sequence[Any], source: str) -> Future[Ingested]:
        """Queue calls for the next commit; the future is done when they are stored. Raises BusyError."""
        with self._lock:
            if self._stopping or self.queued + len(calls) > self._most:
                self.counts["busy"] += len(calls)
                raise BusyError("more events wait than can be taken", fix="send them again in a second")
            self.queued += len(calls)
        request = _Request(calls, source, Future(), here())
        self._queue.put(request)
        return request.future

    def stop(self) -> None:
        """Take nothing new; ``run`` ends when what was taken is stored."""
        self._stopping = True

    def run(self, stored: Callable[[], object]) -> None:
        """Store what comes; ``stored`` is called after each commit."""
        while not (self._stopping and self._queue.empty()):
            group = self._group()
            if not group:
                continue
            started = time.monotonic()
            calls = sum(len(request.calls) for request in group)
            try:
                with span("events.commit", links=[r.span for r in group], calls=calls, requests=len(group)):
                    self._commit_group(group)
            finally:
                with self._lock:
                    self.queued -= calls
            self.seconds.observe(time.monotonic() - started)
            stored()

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
                found = self._ingest(bodies, now=self._clock(), source=group[0].source)
            except Exception as error:
                # One request must not fail the others: each on its own, and whoever is to blame is told.
                say("group failed", error=type(error).__name__)
            else:
                self._answer(group, found)
                return
        for request in group:
            try:
                found = self._ingest(request.calls, now=self._clock(), source=request.source)
                self._answer([request], found)
            except Exception as error:
                self.counts["failures"] += 1
                say("request failed", error=type(error).__name__)
                request.future.set_exception(error)

    def _answer(self, group: list[_Request], found: Ingested) -> None:
        """Give each request of a group its own numbers, by position."""
        self._count(found)
        notes: dict[int, list[str]] = defaultdict(list)
        for at, text in found.noted:
            notes[at].append(text)
        place = 0
        for request in group:
            outcomes = found.outcomes[place : place + len(request.calls)]
            accepted, duplicates = outcomes.count(""), outcomes.count("duplicate")
            refused = [outcome for outcome in outcomes if outcome not in ("", "duplicate")]
            noted = [(n, text) for n in range(len(request.calls)) for text in notes.get(place + n, ())]
            place += len(request.calls)
            request.future.set_result(Ingested(accepted, duplicates, refused, noted, list(outcomes)))

    def _count(self, found: Ingested) -> None:
        self.counts["accepted"] += found.accepted
        self.counts["duplicates"] += found.duplicates
        self.counts["refused"] += len(found.refused)
        for _, text in found.noted:
            known = text in self.notes or len(self.notes) < MOST_NOTES
            self.notes[text if known else "another"] += 1
