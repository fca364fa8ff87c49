"""Files of a workspace in which a person may still stand: samples, exports."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

PASSED_OVER = frozenset({".git", ".venv", "node_modules"})
_PIECE = 1 << 22
_LONGEST = 254
"""Octets of an address (RFC 5321): two pieces of a file overlap by so many."""


def still_naming(root: Path, addresses: Collection[str]) -> list[str]:
    """The files below ``root`` that hold one of the addresses as text, in any case, by relative path.

    What is compressed (a Parquet file, an archive) is not looked into.
    """
    wanted = [re.escape(address.encode()) for address in addresses if "@" in address]
    if not wanted:
        return []
    # As a word of its own: bo@x.example is not jumbo@x.example.
    pattern = re.compile(rb"(?<![\w.+-])(?:" + b"|".join(wanted) + rb")(?![\w-])", re.IGNORECASE)
    return sorted(str(path.relative_to(root)) for path in _files(root) if _holds(path, pattern))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink() or path.name in PASSED_OVER:
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    before = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            if pattern.search(before + piece):
                return True
            before = piece[-_LONGEST:]
    return False
