"""The sending itself: claims calls, has them made concurrently, and writes down what became of each."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from mailwright.model.message import Status
from send.adapter import Adapter, Call, Halted, NoAnswer, Refused, TryLater
from send.outbox.claim import Claim, Claimer
from send.outbox.queue import Queue
from send.outbox.recover import recover
from send.outbox.settle import Result, State, receipts_of, settle
from send.outbox.store import Outbox
from send.pace import Pace
from send.policy import DeliveryPolicy

_SETTLE_WITHIN_S = 0.01
"""How long a finished call may wait for others to be written down with."""
_RECOVER_EVERY_S = 15.0


class Tally:
    """What this run did, counted as it happens. Written by the sending thread only."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.later = self.calls = self.bytes = 0
        self.errors: Counter[tuple[str, str]] = Counter()

    @property
    def settled(self) -> int:
        return self.statuses.total() + self.skipped.total()


class Dispatcher:
    """Sends all that is due in one outbox through one adapter, until the producer is done and nothing is."""

    def __init__(self, adapter: Adapter, outbox: Outbox, policy: DeliveryPolicy, *, sole: bool) -> None:
        self.tally = Tally()
        self.produced = threading.Event()
        """Set when no message will be recorded any more."""
        self.abandoned = threading.Event()
        """Set to end after the calls that are under way."""
        self.idle = threading.Event()
        """Set while nothing can be sent: whoever waits for room need not wait longer."""
        self.stopped: str = ""
        """Why the delivery ended early; empty when it did not."""
        self.halted = False
        """Whether it ended because no call could succeed."""
        self._adapter, self._outbox, self._policy, self._sole = adapter, outbox, policy, sole
        owner = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._claimer = Claimer(outbox.db, adapter, owner, policy)
        self._queue = Queue(outbox.db, adapter, policy)
        self._pace = Pace(policy)
        self._random = random.Random(policy.seed)  # noqa: S311 jitter needs no secrecy
        self._results: list[Result] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._recovered_at = float("-inf")
        self._store = ThreadPoolExecutor(1, thread_name_prefix="mailwright-outbox")

    async def run(self) -> None:
        try:
            while not self._over():
                flush = self.produced.is_set()
                slots = self._pace.slots(self._policy.concurrency - len(self._under_way), time.monotonic())
                claimed = time.monotonic()
                claim = await self._turn(0 if self.abandoned.is_set() or self.stopped else slots, flush)
                for call in claim.calls:
                    self._start(call, claimed)
                if self._under_way:
                    await self._some_done()
                elif not self._results and not await self._rest(flush):
                    break
            await self._drain()
        finally:
            await self._adapter.aclose()
            self._store.shutdown()
            self.idle.set()

    def _over(self) -> bool:
        if not self.stopped and self._pace.exhausted(time.monotonic()):
            self.halted = True
            self.stopped = f"{self._adapter.name} has taken no call for {self._policy.patience_s:g} s"
        return bool((self.stopped or self.abandoned.is_set()) and not self._under_way)

    async def _drain(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._turn(0, False)

    # ── the store: one short transaction a turn, in a thread of its own ──

    async def _turn(self, slots: int, flush: bool) -> Claim:
        results, self._results = self._results, []
        if not results and slots <= 0:
            return Claim([], [])
        claim = await asyncio.get_running_loop().run_in_executor(
            self._store, self._transact, results, slots, flush
        )
        self._count(results, claim)
        return claim

    def _transact(self, results: list[Result], slots: int, flush: bool) -> Claim:
        now = self._outbox.clock()
        if time.monotonic() - self._recovered_at > (1e9 if self._sole else _RECOVER_EVERY_S):
            self._recovered_at = time.monotonic()
            recover(
                self._outbox.db,
                self._adapter.name,
                self._adapter.capabilities,
                sole=self._sole,
                now=now,
            )
        with self._outbox.db.write() as connection:
            settle(connection, results, self._claimer.owner, now)
            return (
                self._claimer.claim(connection, slots, flush=flush, now=now) if slots > 0 else Claim([], [])
            )

    def _count(self, results: list[Result], claim: Claim) -> None:
        for result in results:
            if result.state in ("waiting", "split"):
                continue
            for receipt in receipts_of(result):
                if receipt.status == Status.PENDING:
                    continue
                self.tally.statuses[receipt.status] += 1
                if receipt.status != Status.ACCEPTED:
                    self._count_error(result.call)
        self.tally.skipped.update(claim.skipped)
        self.tally.later += claim.later

    def _count_error(self, call: Call) -> None:
        campaign = (call.campaign, call.occasion)
        self.tally.errors[campaign] += 1
        if self.tally.errors[campaign] == self._policy.max_errors:
            why = f"{self._policy.max_errors} messages were rejected or unknown"
            self._outbox.operators.pause(*campaign, why=why)
            self.stopped = f"{call.campaign} was paused: {why}"

    # ── the calls ──

    def _start(self, call: Call, claimed: float) -> None:
        self.idle.clear()
        self._pace.started(1, time.monotonic())
        task = asyncio.create_task(self._make(call, claimed))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _make(self, call: Call, claimed: float) -> None:
        if time.monotonic() - claimed > self._policy.call_timeout_s / 4:
            # This process stood still: before long the lease is another's, so the call does not leave.
            waiting = Result(call, "waiting", detail="claimed and not sent", retry_at=self._outbox.clock())
            self._results.append(waiting)
            return
        self.tally.calls += 1
        self.tally.bytes += len(call.payload.content)
        try:
            async with asyncio.timeout(self._policy.call_timeout_s):
                receipts = await self._adapter.send(call)
            self._pace.taken(time.monotonic())
            result = Result(call, "done", receipts)
        except TryLater as error:
            self._pace.not_taken(time.monotonic(), after_s=error.after_s, throttled=error.throttled)
            result = self._again(call, error)
        except Halted as error:
            self.stopped, self.halted = error.what, True
            result = Result(call, "waiting", detail=error.what, retry_at=self._outbox.clock())
        except Refused as error:
            self._pace.taken(time.monotonic())
            state: State = (
                "unknown" if call.maybe_taken else "split" if len(call.message_ids) > 1 else "refused"
            )
            result = Result(call, state, detail=error.what)
        except (NoAnswer, TimeoutError) as error:
            self._pace.not_taken(time.monotonic(), after_s=None, throttled=False)
            result = self._no_answer(call, str(error) or "no answer in time")
        except Exception as error:
            # A fault of the adapter's own: what it did before is not known.
            result = Result(call, "unknown", detail=f"{self._adapter.name} adapter: {type(error).__name__}")
        self._results.append(result)

    def _again(self, call: Call, error: TryLater) -> Result:
        if call.attempts + 1 >= self._policy.max_attempts and not error.throttled:
            detail = f"not taken in {call.attempts + 1} tries: {error.what}"
            return Result(call, "unknown" if call.maybe_taken else "refused", detail=detail)
        wait = max(self._jitter(call.attempts), error.after_s or 0.0)
        return Result(call, "waiting", detail=error.what, retry_at=self._outbox.clock() + wait)

    def _no_answer(self, call: Call, detail: str) -> Result:
        keyed = self._adapter.capabilities.key_life is not None
        if not keyed or call.attempts + 1 >= self._policy.max_attempts:
            return Result(call, "unknown", detail=detail)
        retry_at = self._outbox.clock() + self._jitter(call.attempts)
        return Result(call, "waiting", detail=detail, retry_at=retry_at, maybe_taken=True)

    def _jitter(self, attempts: int) -> float:
        """Full jitter: uniform over [0, min(cap, base · 2^n)) (Brooker, "Exponential backoff and jitter")."""
        return self._random.uniform(
            0, min(self._policy.max_backoff_s, self._policy.backoff_s * 2.0 ** min(attempts, 30))
        )

    # ── waiting ──

    async def _some_done(self) -> None:
        """Until half of the slots are free, or a first result has waited long enough."""
        await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED, timeout=0.25)
        if self._results and len(self._results) * 2 < self._policy.concurrency and self._under_way:
            await asyncio.sleep(_SETTLE_WITHIN_S)

    async def _rest(self, flush: bool) -> bool:
        """Waits for something to be due; False when nothing will be."""
        now = self._outbox.clock()
        again, new = await asyncio.get_running_loop().run_in_executor(self._store, self._next_due)
        if new is not None and new <= now and self._policy.warm_up is not None:
            new = now + 1.0 if self._policy.wait_s > 0 else None
        soon = [at for at in (again, new) if at is not None and at <= now + max(self._policy.wait_s, 0)]
        if again is not None:
            # A call that was tried is seen through, as long as there is patience.
            soon.append(again)
        if flush and not soon:
            return False
        self.idle.set()
        wait = min(soon, default=now + 0.02) - now
        blocked = self._pace.blocked_until - time.monotonic()
        await asyncio.sleep(min(max(wait, blocked, 0.005), 0.25))
        return True

    def count_left(self) -> int:
        """Messages of this adapter that are still to be sent."""
        with self._outbox.db.read() as connection:
            return self._queue.count_left(connection)

    def _next_due(self) -> tuple[float | None, float | None]:
        with self._outbox.db.read() as connection:
            return self._queue.next_due(connection)
