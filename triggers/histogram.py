"""How long things took, as Prometheus counts it: since the start, so that no count ever goes down."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Histogram:
    """Counts of what took at most each of ``BUCKETS_S``, and of all. One thread observes."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self.sum = 0.0
        """Seconds, of all."""

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum += seconds

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """(``le``, how many took at most that long), the last of all."""
        limits = [*map(str, BUCKETS_S), "+Inf"]
        return [(limit, float(n)) for limit, n in zip(limits, accumulate(self._counts), strict=True)]
