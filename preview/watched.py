"""Which files of a workspace mean what to the preview."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path

from watchfiles import awatch


class Kind(StrEnum):
    """What has to be done again when a file is saved."""

    LIBRARY = "library"
    """A block, template, card, partial or string table: only the mail is compiled again."""
    CAMPAIGN = "campaign"
    SEGMENTS = "segments"
    CONFIG = "config"
    DATA = "data"


LIBRARY_FILES = frozenset({".mjml", ".yaml", ".yml", ".json"})

QUICK_MS = 5
"""How long the watcher waits for more changes of the same save; editors write a file in one or two steps."""


def kind_of(path: Path, root: Path, shipped: Path) -> Kind | None:
    """What a saved file is to the workspace at ``root``; None when nothing depends on it."""
    if path.name.endswith(("~", ".part", ".swp", ".tmp")) or path.name.startswith("."):
        return None
    for base in (root, shipped):
        if not path.is_relative_to(base):
            continue
        top = path.relative_to(base).parts[:1]
        if top in (("blocks",), ("templates",), ("strings",), ("drafts",)):
            return Kind.LIBRARY if path.suffix in LIBRARY_FILES else None
        if base is root:
            parts = path.relative_to(base).parts
            return _kind_of_state(parts[1:]) if top == (".mailwright",) else _kind_in_workspace(*top)
    return None


def _kind_of_state(parts: tuple[str, ...]) -> Kind | None:
    """What commands put in place while the preview runs, and ``send`` goes by from then on."""
    match parts:
        case ("learned" | "models", *_, "current.json"):
            return Kind.DATA
        case ("promotions.jsonl",):
            return Kind.CAMPAIGN
    return None


def _kind_in_workspace(top: str = "") -> Kind | None:
    match top:
        case "mailwright.yaml":
            return Kind.CONFIG
        case "segments.yaml":
            return Kind.SEGMENTS
        case "campaigns" | "triggers":
            return Kind.CAMPAIGN
        case "" | "out" | "tests":
            return None
        case name if name.startswith("."):
            return None
    return Kind.DATA


async def saves(root: Path, shipped: Path) -> AsyncIterator[dict[Path, Kind]]:
    """Each time files are saved: which, and what they are to the workspace."""
    folders = [root, *(shipped / name for name in ("blocks", "templates"))]
    watch = awatch(
        *(folder for folder in folders if folder.is_dir()),
        watch_filter=lambda _, path: kind_of(Path(path), root, shipped) is not None,
        debounce=100,
        step=QUICK_MS,
        rust_timeout=1_000,
    )
    async for changes in watch:
        paths = {Path(path) for _, path in changes}
        yield {path: kind for path in paths if (kind := kind_of(path, root, shipped)) is not None}
