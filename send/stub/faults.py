"""What the stub can be asked to do wrong."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from typing import Literal, get_args

FaultKind = Literal[
    "429",  # refused, without Retry-After
    "429-retry-after",  # refused, "Retry-After: 1" (or `seconds`)
    "500",  # the platform's own error document; not taken
    "502",  # a gateway's page; not taken, which nobody outside can know
    "503",
    "slow",  # the answer drips, a byte every `seconds`
    "timeout-after-accept",  # taken, and then no answer
    "reset",  # taken, and the connection reset in the middle of the answer
    "reset-before",  # the connection reset in the middle of the request
    "malformed",  # taken, and the answer is not JSON
    "partial",  # some of a batch refused, where the platform has batches
]
FAULT_KINDS: tuple[str, ...] = get_args(FaultKind)


@dataclass(slots=True)
class Fault:
    """One kind of fault, for the next ``times`` calls, or for each call with ``probability``."""

    kind: FaultKind
    times: int | None = 1
    probability: float = 1.0
    seconds: float = 1.0
    esp: str | None = None
    """Only calls to this platform; None: to any."""


class FaultPlan:
    """Which fault, if any, the next call meets. Thread-safe; seeded."""

    def __init__(self, seed: int = 0) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 repeatable on purpose
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def next(self, esp: str) -> Fault | None:
        with self._lock:
            draw = self._random.random()
            for fault in self._faults:
                if fault.esp not in (None, esp):
                    continue
                if draw >= fault.probability:
                    draw -= fault.probability
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
            return None
