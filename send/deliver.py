"""``deliver``: every message recorded, then sent once; whatever dies on the way, the next run goes on."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mailwright.errors import MailwrightError, SendError
from mailwright.model.message import Message, SkipReason, Status
from send.adapter import Adapter
from send.dispatch import Dispatcher
from send.outbox.enlist import Entry, enlist
from send.outbox.settle import forget_bodies
from send.outbox.store import Outbox
from send.policy import DeliveryPolicy
from send.prepare import Preparer

_BATCH = 200
"""Messages recorded in one transaction."""
_UNDER_WAY = (Status.PENDING, Status.CLAIMED)

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class DeliveryReport:
    """What became of the messages given, and of those that an earlier run had left behind.

    Every message given is in exactly one of ``sent``, ``already_sent``, ``rejected``, ``unknown``,
    ``skipped`` and ``waiting``; ``already_sent``, and those that were unknown, rejected or stopped before,
    are counted as they stood.
    """

    sent: int = 0
    already_sent: int = 0
    rejected: int = 0
    unknown: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    """Recorded and not yet sent: quiet hours, warm-up, a paused campaign, an ESP that takes nothing."""
    calls: int = 0
    bytes: int = 0
    """Of the bodies of all calls."""
    seconds: float = 0.0
    stopped: str = ""
    """Why the delivery ended before all was sent; empty when it did not."""


class DeliveryStopped(SendError):
    """No call can succeed now. Nothing is lost: the next delivery goes on where this one ended."""

    def __init__(self, what: str, report: DeliveryReport) -> None:
        super().__init__(what, fix="mend that and deliver again: nothing is lost and nothing goes out twice")
        self.report = report


def deliver(
    messages: Iterable[Message],
    *,
    adapter: Adapter,
    outbox: Outbox,
    policy: DeliveryPolicy = DeliveryPolicy(),  # noqa: B008 frozen
    progress: Progress | None = None,
) -> DeliveryReport:
    """Sends each message once, whatever happened before; returns when nothing more can be sent now.

    Messages are drawn one batch at a time, recorded with all that their call needs, and only then sent.
    What earlier runs left pending is sent too, so ``deliver([], …)`` finishes a run that died. ``progress``
    is called in the calling thread. Raises SendError when another process is sending from this SQLite
    outbox, DeliveryStopped when the ESP refuses us or takes nothing for as long as the policy has patience.
    """
    started = time.monotonic()
    lock = outbox.sender_lock()
    if lock is not None:
        lock.acquire()
    try:
        run = _Run(adapter, outbox, policy, progress, sole=lock is not None)
        run.go(messages)
        outbox.operators.close_stopped()
        forget_bodies(outbox.db)
    finally:
        if lock is not None:
            lock.release()
    report = run.report()
    report.seconds = time.monotonic() - started
    if run.dispatcher.halted:
        raise DeliveryStopped(report.stopped, report)
    return report


class _Run:
    """One delivery: the calling thread records, a second one sends."""

    def __init__(
        self,
        adapter: Adapter,
        outbox: Outbox,
        policy: DeliveryPolicy,
        progress: Progress | None,
        *,
        sole: bool,
    ) -> None:
        self.dispatcher = Dispatcher(adapter, outbox, policy, sole=sole)
        self._adapter, self._outbox, self._policy, self._progress = adapter, outbox, policy, progress
        self._started = outbox.clock()
        self._given = self._new = 0
        self._known: Counter[tuple[str, str | None]] = Counter()
        self._refused: Counter[str | None] = Counter()
        self._error: BaseException | None = None

    def go(self, messages: Iterable[Message]) -> None:
        thread = threading.Thread(target=self._send, name="mailwright-send")
        thread.start()
        try:
            self._record(messages)
            self.dispatcher.produced.set()
            while thread.is_alive():
                thread.join(0.1)
                self._show()
        except BaseException:
            self.dispatcher.abandoned.set()
            raise
        finally:
            self.dispatcher.produced.set()
            thread.join()
        self._show()
        if self._error is not None:
            raise self._error

    def _send(self) -> None:
        try:
            asyncio.run(self.dispatcher.run())
        except MailwrightError as error:
            self._error = error
        except Exception as error:
            self._error = SendError(f"the delivery failed: {type(error).__name__}: {error}")
            self._error.__cause__ = error

    def _record(self, messages: Iterable[Message]) -> None:
        preparer = Preparer(self._adapter, self._policy)
        source = iter(messages)
        while batch := list(itertools.islice(source, _BATCH)):
            entries = [preparer.prepare(message) for message in batch]
            self._enlist(entries)
            self._show()
            while not self._room() and not self._dead():
                time.sleep(0.02)
                self._show()
            if self._dead():
                return

    def _enlist(self, entries: list[Entry]) -> None:
        done = enlist(
            self._outbox.db,
            entries,
            adapter=self._adapter.name,
            purpose=self._policy.purpose,
            hash_address=self._outbox.hash_address,
            now=self._outbox.clock(),
            run_started=self._started,
        )
        # Whoever found nothing to send has something to look at again.
        self.dispatcher.idle.clear()
        self._given += len(entries)
        self._new += done.new
        self._known += done.known
        self._refused += done.unsendable

    def _room(self) -> bool:
        tally = self.dispatcher.tally
        behind = self._new - self._refused.total() - tally.settled - tally.later
        return behind < self._policy.ahead or self.dispatcher.idle.is_set()

    def _dead(self) -> bool:
        return bool(self._error is not None or self.dispatcher.stopped)

    def _show(self) -> None:
        if self._progress is not None:
            standing = sum(n for (status, _), n in self._known.items() if status not in _UNDER_WAY)
            done = self.dispatcher.tally.settled + standing + self._refused.total()
            self._progress(min(done, self._given), self._given)

    def _held(self) -> str:
        """Which campaigns an operator keeps from leaving while mails of theirs wait."""
        held = self._outbox.operators.held_back()
        return "; ".join(f"{one.campaign} ({one.occasion}) is {one.state}: {one.why}" for one in held)

    def report(self) -> DeliveryReport:
        tally = self.dispatcher.tally
        skipped = Counter(tally.skipped)
        if stopped := self._outbox.operators.stopped_since(self._started):
            skipped[SkipReason.STOPPED] += stopped
        rejected = tally.statuses[Status.REJECTED] + self._refused[None]
        skipped.update({reason: n for reason, n in self._refused.items() if reason is not None})
        unknown = tally.statuses[Status.UNKNOWN]
        already = 0
        for (status, reason), count in self._known.items():
            if status == Status.SKIPPED:
                skipped[reason or "skipped"] += count
            elif status == Status.REJECTED:
                rejected += count
            elif status == Status.UNKNOWN:
                unknown += count
            elif status not in _UNDER_WAY:
                already += count
        duplicates = self._given - self._new - self._known.total()
        report = DeliveryReport(
            sent=tally.statuses[Status.ACCEPTED],
            already_sent=already + duplicates,
            rejected=rejected,
            unknown=unknown,
            skipped=dict(sorted(skipped.items())),
            calls=tally.calls,
            bytes=tally.bytes,
            stopped=self.dispatcher.stopped or self._held(),
        )
        report.waiting = self.dispatcher.count_left()
        return report
