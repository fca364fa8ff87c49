"""Where a run stands is told to other processes while it lives, and no longer."""

import subprocess
import sys

import pytest

import mailwright.underway as underway
from mailwright.progress import Stages
from mailwright.underway import FOLDER, Underway, runs_under_way, told

RUN = Underway("newsletter", "2026-11", rehearsal=False)


def test_a_run_tells_its_stage_and_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(underway, "_EVERY_S", 0)
    stages = Stages()
    with told(tmp_path, RUN, stages):
        assert runs_under_way(tmp_path) == [RUN]
        with stages("render") as progress:
            progress(3, 12)
            assert runs_under_way(tmp_path) == [Underway("newsletter", "2026-11", False, "render", 3, 12)]
        with stages("send"):
            (run,) = runs_under_way(tmp_path)
            assert (run.stage, run.done) == ("send", 0)
    assert runs_under_way(tmp_path) == []
    assert not list((tmp_path / FOLDER).iterdir())


def test_a_run_that_fails_is_under_way_no_more(tmp_path):
    with pytest.raises(RuntimeError), told(tmp_path, RUN, Stages()):
        raise RuntimeError
    assert runs_under_way(tmp_path) == []


def test_a_run_that_was_killed_is_not_under_way_and_the_next_clears_it_away(tmp_path):
    program = f"""
import os, signal
from pathlib import Path
from mailwright.progress import Stages
from mailwright.underway import Underway, told
with told(Path({str(tmp_path)!r}), Underway("newsletter", "killed", False), Stages()):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    assert len(list((tmp_path / FOLDER).iterdir())) == 1
    assert runs_under_way(tmp_path) == []
    with told(tmp_path, RUN, Stages()):
        assert runs_under_way(tmp_path) == [RUN]
        assert len(list((tmp_path / FOLDER).iterdir())) == 1
