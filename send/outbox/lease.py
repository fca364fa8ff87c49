"""Who may send: on SQLite one process at a time, held by a lock that dies with the process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from mailwright.errors import SendError

try:
    import fcntl
except ImportError:  # pragma: no cover - not a POSIX system
    fcntl = None  # type: ignore[assignment]


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
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                pid = file.read().strip() or "unknown"
                file.close()
                raise SendError(
                    f"another process (pid {pid}) is sending from this outbox",
                    fix="wait for it, or use PostgreSQL, where any number of workers may send",
                ) from error
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
