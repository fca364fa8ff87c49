"""Writing several files so that each is there whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from mailwright.errors import DataError
from mailwright.model.replacing import replacing


def replace_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all of them beside their places, then put each into its place. Raises ``DataError``."""
    try:
        with ExitStack() as parts:
            # The stack puts the last that was entered into its place first: files go in the order given.
            for name, data in reversed(list(files.items())):
                parts.enter_context(replacing(folder / name)).write_bytes(data)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error}") from error
