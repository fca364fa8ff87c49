"""Makes a new workspace that works from its first minute."""

from __future__ import annotations

import importlib.resources
import shutil
from pathlib import Path

from mailwright.errors import UsageError
from mailwright.workspace.workspace import CONFIG


def create_workspace(folder: Path) -> list[Path]:
    """Copy the starter workspace into ``folder`` and return the files made, relative to it.

    Raises UsageError when the folder already holds anything: nobody's files are ever overwritten.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        held = f"holds a {CONFIG}" if (folder / CONFIG).exists() else "is not empty"
        raise UsageError(f"{folder} {held}", fix="name a folder that is empty or does not exist")
    starter = importlib.resources.files("mailwright.workspace") / "starter_files"
    with importlib.resources.as_file(starter) as source:
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
