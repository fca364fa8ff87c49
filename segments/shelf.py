"""The versions of one learned thing on disk: all kept for a while, one in place, and the way back.

``<version>/`` holds what was fitted; ``current.json`` names those that were in place, the last one is. It is
replaced in one step, so that a reader sees the old or the new, never half of either.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mailwright.errors import UsageError, did_you_mean

KEPT = 5
"""Versions kept, the one in place among them."""


@dataclass(frozen=True)
class Shelf:
    """The versions in ``folder``, which need not exist."""

    folder: Path

    @property
    def current(self) -> Path | None:
        """The folder of the version in place; None when there is none."""
        history = self.history()
        return self.folder / history[-1] if history else None

    def history(self) -> list[str]:
        """The versions that can be put in place, the one in place last."""
        names: list[str] = []
        with suppress(OSError, ValueError, KeyError, TypeError):
            names = json.loads((self.folder / "current.json").read_text(encoding="utf-8"))["history"]
        return [str(name) for name in names if (self.folder / str(name)).is_dir()]

    def put(self, version: str, save: Callable[[Path], None]) -> None:
        """Keep what ``save`` writes into a folder as ``version``, and put it in place."""
        folder = self.folder / version
        shutil.rmtree(folder, ignore_errors=True)
        save(folder)
        self._write([*(name for name in self.history() if name != version), version])

    def put_back(self, version: str) -> None:
        """Put an earlier version in place. Raises UsageError for one that is not kept."""
        history = self.history()
        if version not in history:
            raise UsageError(f"there is no version {version!r}", fix=did_you_mean(version, history))
        self._write([*(name for name in history if name != version), version])

    def remove(self, version: str) -> None:
        """Forget a version; when it was in place, nothing is."""
        history = self.history()
        in_place = history[-1:] == [version]
        shutil.rmtree(self.folder / version, ignore_errors=True)
        if in_place:
            (self.folder / "current.json").unlink(missing_ok=True)
        else:
            self._write([name for name in history if name != version])

    def _write(self, history: list[str]) -> None:
        kept = history[-KEPT:]
        beside = self.folder / "current.json.writing"
        beside.write_text(json.dumps({"history": kept}), encoding="utf-8")
        beside.replace(self.folder / "current.json")
        for name in set(history) - set(kept):
            shutil.rmtree(self.folder / name, ignore_errors=True)
