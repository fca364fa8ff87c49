"""A workspace with every example trigger, a few people, and events that are easily written."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from examples.triggers.generate import CLOCK, write_data
from mailwright.model.workspace import EspSpec
from mailwright.workspace import open_workspace
from send import open_adapter, open_outbox
from triggers.runs import Journal

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "triggers"
NOW = CLOCK
"""A Friday, nine o'clock in Oslo."""


def make_workspace(folder: Path, people: int = 30) -> Path:
    made = shutil.ignore_patterns("data", ".mailwright", "events.jsonl", "*.py", "__pycache__")
    shutil.copytree(SOURCE, folder, ignore=made)
    write_data(folder / "data", people)
    return folder


def track(profile: str, event: str, at: float, **properties: Any) -> dict[str, Any]:
    """A track call; ``at`` is hours after NOW."""
    when = NOW + timedelta(hours=at)
    return {
        "type": "track",
        "userId": profile,
        "event": event,
        "messageId": f"{profile}-{event}-{at}-{sorted(properties.items())}"[:200],
        "timestamp": when.isoformat(),
        "properties": properties,
    }


def identify(profile, at=0, **traits):
    when = NOW + timedelta(hours=at)
    return {
        "type": "identify",
        "userId": profile,
        "messageId": f"id-{profile}-{at}-{sorted(traits)}",
        "timestamp": when.isoformat(),
        "traits": traits,
    }


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("triggers") / "workspace")


@pytest.fixture(scope="session")
def workspace(root):
    return open_workspace(root)


@pytest.fixture(scope="session")
def shared_world(workspace):
    from triggers.world import read_world

    return read_world(workspace, now=NOW)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """The URL of an empty store, of both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return request.getfixturevalue("fresh_postgres_url")


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def opened(workspace, shared_world, tmp_path):
    """``opened(url, only=[…])`` → Triggers over the shared world; closed after the test."""
    from triggers.live import Triggers
    from triggers.program import compile_triggers

    outboxes = []

    def open_one(url, only=None, journal=None, **more):
        outbox = open_outbox(url, clock=lambda: NOW.timestamp())
        outboxes.append(outbox)
        found = compile_triggers(workspace)
        found = {name: found[name] for name in found if only is None or name in only}
        adapter = open_adapter(EspSpec(adapter="memory"), {}, root=tmp_path)
        journal = journal or Journal(kept=[])
        return Triggers(shared_world, found, outbox=outbox, adapter=adapter, journal=journal, **more)

    yield open_one
    for outbox in outboxes:
        outbox.close()
