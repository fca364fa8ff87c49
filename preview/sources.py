"""Files of the workspace and of the shipped library, for looking at; nothing else can be named.

A name is looked up among the files that there are, never turned into a path.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mailwright.engine import SHIPPED
from mailwright.errors import UsageError, did_you_mean

SHOWN = ("*.mjml", "*.yaml", "*.yml", "sample.*.json")
FOLDERS = ("blocks", "templates", "strings", "campaigns", "triggers", "drafts")
"""``drafts`` holds versions that are only compared; the shipped library has the first two."""
LARGEST = 1_000_000
"""Bytes; the render refuses larger files too."""


@dataclass(frozen=True)
class File:
    """One file that may be shown."""

    name: str
    path: Path
    is_shipped: bool

    def lines(self) -> list[str]:
        return self.path.read_bytes()[:LARGEST].decode("utf-8", "replace").splitlines()


def files_of(root: Path) -> dict[str, File]:
    """Every file that may be shown, by the name that errors give it: the workspace's hide shipped ones."""
    found: dict[str, File] = {}
    for base, folders, shipped in ((SHIPPED, FOLDERS[:2], True), (root, FOLDERS, False)):
        for folder in folders:
            for pattern in SHOWN:
                for path in sorted((base / folder).rglob(pattern)):
                    if path.is_file() and path.resolve().is_relative_to(base.resolve()):
                        name = path.relative_to(base).as_posix()
                        found[name] = File(name, path, shipped)
    for name in ("mailwright.yaml", "segments.yaml"):
        path = root / name
        if path.is_file() and path.resolve().is_relative_to(root.resolve()):
            found[name] = File(name, path, False)
    return found


def file_named(root: Path, name: str) -> File:
    """The file of that name, as errors write it (below the workspace, or below the folder it was opened by).

    Raises UsageError for every other name.
    """
    files = files_of(root)
    for candidate in (name, _below(root, name)):
        if candidate in files:
            return files[candidate]
    raise UsageError(f"there is no file {name!r} to show", fix=did_you_mean(name, files))


def _below(root: Path, name: str) -> str:
    """``examples/shop/campaigns/x.yaml`` → ``campaigns/x.yaml``: only text is cut, no path is followed."""
    marker = f"{root.name}/"
    return name.rpartition(marker)[2] if marker in name else name
