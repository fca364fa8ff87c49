"""Writing several files so that each is there whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mailwright.errors import DataError


def replace_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all of them beside their places, then put each into its place. Raises ``DataError``."""
    parts: list[tuple[Path, Path]] = []
    try:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            parts.append((part, path))
            part.write_bytes(data)
        for part, path in parts:
            part.replace(path)
    except OSError as error:
        for part, _ in parts:
            part.unlink(missing_ok=True)
        raise DataError(f"{folder} cannot be written: {error}") from error
