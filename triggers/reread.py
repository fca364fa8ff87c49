"""What is read again when its file has changed: data, what people did and were shown, promoted winners."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mailwright.engine import FEEDBACK
from mailwright.experiments import promotions_file
from mailwright.shown import SHOWN
from mailwright.workspace import Workspace
from triggers.world import World, read_world

_Stamp = tuple[tuple[str, int, int], ...]


class Rereader:
    """Looks at the files of a workspace; what a database holds is read again with them, or at a restart."""

    def __init__(self, workspace: Workspace, *, secret: bytes | None = None) -> None:
        self._workspace, self._secret = workspace, secret
        self._read = self._seen = self._stamp()

    def __call__(self, now: datetime) -> World | None:
        """What the files say now, where they have changed since last read and nobody is writing to them (two
        looks find the same); else None. Raises what ``read_world`` raises; then it waits for the next change.
        """
        seen, self._seen = self._seen, self._stamp()
        if self._seen == self._read or self._seen != seen:
            return None
        self._read = self._seen
        return read_world(self._workspace, now=now, secret=self._secret)

    def _stamp(self) -> _Stamp:
        data = self._workspace.spec.data
        named = [
            source.path for source in (data.profiles, data.items, data.interactions) if source is not None
        ]
        files = [self._workspace.root / path for path in named if path is not None]
        state = self._workspace.state
        files += [promotions_file(self._workspace), state / FEEDBACK, state / SHOWN]
        return tuple(_stamp(path) for path in files)


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_mtime_ns, found.st_size
