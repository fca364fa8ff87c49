"""How fast calls may leave: the policy's limit, what the ESP's throttling teaches, and a circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass, field

from send.policy import DeliveryPolicy

_FLOOR_PER_S = 10.0
"""No throttling makes us slower than this; a platform that wants more says so with Retry-After."""


@dataclass(slots=True)
class Pace:
    """A token bucket whose rate halves when the ESP throttles, at most once a second, and doubles
    again each second.

    Times are seconds of one monotonic clock, given by the caller.
    """

    policy: DeliveryPolicy
    rate: float | None = None
    """Calls a second; None: no limit known."""
    blocked_until: float = 0.0
    failures: int = 0
    """Calls in a row that the ESP did not take."""
    last_taken: float | None = None
    _tokens: float = 1.0
    _refilled: float | None = None
    _throttled: float = float("-inf")
    _started: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rate = self.policy.max_per_s

    def slots(self, free: int, now: float) -> int:
        """How many of ``free`` slots may start a call now."""
        if self.last_taken is None:
            self.last_taken = now
        if now < self.blocked_until:
            return 0
        if self.failures >= self.policy.breaker_after:
            free = min(free, 1 if free == self.policy.concurrency else 0)
        return min(free, int(self._refill(now))) if self.rate is not None else free

    def started(self, calls: int, now: float) -> None:
        self._tokens -= calls
        self._started += [now] * calls
        if len(self._started) > 2000:
            del self._started[:1000]

    def taken(self, now: float) -> None:
        """The ESP answered, whatever it said of the call."""
        self.failures, self.last_taken = 0, now

    def not_taken(self, now: float, *, after_s: float | None, throttled: bool) -> None:
        self.failures += 1
        if throttled and now - self._throttled > 1.0:
            self._throttled = now
            recent = [at for at in self._started if at > now - 1.0]
            measured = len(recent) / max(0.05, now - min(recent, default=now))
            self.rate = max(_FLOOR_PER_S, min(self.rate or 1e9, measured) / 2)
            self._tokens = min(self._tokens, 0.0)
        if after_s is not None:
            self.blocked_until = max(self.blocked_until, now + after_s)
        if self.failures >= self.policy.breaker_after:
            doublings = min(self.failures - self.policy.breaker_after, 5)
            self.blocked_until = max(self.blocked_until, now + self.policy.breaker_pause_s * 2**doublings)

    def exhausted(self, now: float) -> bool:
        """Whether the ESP has taken nothing for as long as the policy has patience."""
        return (
            self.failures > 0
            and self.last_taken is not None
            and now - self.last_taken > self.policy.patience_s
        )

    def _refill(self, now: float) -> float:
        assert self.rate is not None
        elapsed = 0.0 if self._refilled is None else now - self._refilled
        self._refilled = now
        ceiling = self.policy.max_per_s
        grown = self.rate * 2.0 ** min(elapsed, 60.0) if self.failures == 0 else self.rate
        if ceiling is None and grown > 10_000:
            self.rate = None
            return 1e9
        self.rate = min(grown, ceiling) if ceiling is not None else grown
        self._tokens = min(self._tokens + self.rate * elapsed, max(1.0, self.rate / 4))
        return max(self._tokens, 0.0)
