"""The example shop with its data, made once for all test processes; a test that changes it takes a copy."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "shop"
MADE = ("data", "assets", "out", ".mailwright", "__pycache__")


def make_shop(folder: Path) -> None:
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(*MADE))
    subprocess.run(
        [sys.executable, EXAMPLE / "generate.py", "--out", folder], check=True, capture_output=True
    )


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Path:
    """The workspace, shared: its model is trained and its templates compiled once."""
    base = tmp_path_factory.getbasetemp()
    # The folder above is that of all workers of this run; without workers it is that of all runs.
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-shop"
    with open(f"{shared}.lock", "w") as lock:  # noqa: PTH123 the lock's own file
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            part = shared.with_suffix(".part")
            make_shop(part)
            part.rename(shared)
    return shared


@pytest.fixture
def shop_copy(shop, tmp_path) -> Path:
    """A copy of one's own, with what the shared one has already trained and compiled."""
    return Path(shutil.copytree(shop, tmp_path / "shop"))
