"""Who may send: on SQLite one process at a time, held by a lock that dies with the process."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

from mailwright.errors import SendError

try:
    import fcntl
except ImportError:  # pragma: no cover - not a POSIX system
    fcntl = None  # type: ignore[assignment]


_LOOKED_AT_S = 0.5
"""How long ``acquire`` tries: whoever looks whether the lock is held has it for an instant."""


class SenderLock:
    """An exclusive lock on ``<outbox>.sender``. The kernel lets go of it at any death, so whoever gets it
    knows that every call still claimed belongs to nobody."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".sender")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """SendError: another process is sending."""
        file = self.path.open("a+", encoding="utf-8")
        if fcntl is not None:
            deadline = time.monotonic() + _LOOKED_AT_S
            while not _locked(file, fcntl.LOCK_EX):
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                file.seek(0)
                pid = file.read().strip() or "unknown"
                file.close()
                raise SendError(
                    f"another process (pid {pid}) is sending from this outbox",
                    fix="wait for it, or use PostgreSQL, where any number of workers may send",
                )
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def is_held(self) -> bool:
        """Whether a process is sending; False where that cannot be told."""
        if fcntl is None or not self.path.exists():
            return False
        with self.path.open(encoding="utf-8") as file:
            return not _locked(file, fcntl.LOCK_SH)

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _locked(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
