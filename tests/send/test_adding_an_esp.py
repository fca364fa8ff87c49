"""Whoever does what ``docs/adding-an-esp.md`` says has an adapter that keeps the whole contract."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding-an-esp.md"
ADAPTER, PLAY = "send/adapters/paperboy.py", "send/stub/plays/paperboy.py"
DROPPED_IN = """
import sys, send.adapters, send.stub.plays
root = sys.argv[1]
send.adapters.__path__.append(f"{root}/send/adapters")
send.stub.plays.__path__.append(f"{root}/send/stub/plays")
"""
"""A folder of files that stand in no clone, and are found as if they stood in this one."""


def written_out(folder: Path, *wanted: str) -> None:
    """The files of the page whose first line names them."""
    blocks = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    for name, code in blocks:
        if name in wanted:
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_text(code, "utf-8")
    assert set(wanted) <= {name for name, _ in blocks}


def run(folder: Path, code: str) -> str:
    command = [sys.executable, "-c", DROPPED_IN + code, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_one_file_is_an_adapter(tmp_path: Path) -> None:
    written_out(tmp_path, ADAPTER)
    shown = run(tmp_path, "from send.matrix import feature_matrix; print(feature_matrix())")
    assert re.search(r"^\| `paperboy` \| A \| 20 \|.* 24 h .*\bsigned\b", shown, re.M)


def test_the_adapter_of_the_page_keeps_the_contract(tmp_path: Path) -> None:
    written_out(tmp_path, ADAPTER, PLAY)
    suite = [
        "-q",
        "-p",
        "no:cacheprovider",
        f"--basetemp={tmp_path}/t",
        "tests/send/test_adapters.py",
        "-k",
        "paperboy",
    ]
    shown = run(tmp_path, f"import pytest; sys.exit(pytest.main({suite!r}))")
    passed = re.search(r"(\d+) passed", shown)
    assert passed
    assert "failed" not in shown
    assert "skipped" not in shown
    assert int(passed[1]) > 10
