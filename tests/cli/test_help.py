"""A command says what it does without the libraries that it does it with."""

import subprocess
import sys

import pytest

HEAVY = {"sklearn", "skops", "surprise", "scipy.sparse", "scipy.stats", "pandas", "matplotlib", "premailer"}


@pytest.mark.parametrize("command", [(), ("run",), ("fit",), ("results",), ("serve",), ("preview",)])
def test_help_imports_nothing_that_only_fitting_measuring_or_compiling_needs(command):
    program = """
import sys
from mailwright.cli.main import app
try:
    app()
except SystemExit:
    print("imported:", *sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage:" in done.stdout
    imported = done.stdout.rpartition("imported: ")[2].split()
    assert "mailwright.cli.main" in imported
    assert not HEAVY & set(imported)
