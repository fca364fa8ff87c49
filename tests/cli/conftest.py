"""Runs the command line in this process, as a shell would see it."""

import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from mailwright.cli import main
from mailwright.workspace import create_workspace

NOW = "2026-11-20T09:00:00Z"


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def cli(monkeypatch, capfd):
    """``cli("run", "newsletter", …)`` → Result; --json is added unless ``plain``."""

    def call(*arguments: object, plain: bool = False) -> Result:
        argv = ["mailwright", *map(str, arguments), *([] if plain else ["--json"])]
        monkeypatch.setattr(sys, "argv", argv)
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture
def starter(tmp_path):
    """The workspace that ``mailwright init`` makes."""
    create_workspace(tmp_path / "shop")
    return tmp_path / "shop"
