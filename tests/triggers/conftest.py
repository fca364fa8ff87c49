"""A workspace with every example trigger, a few people, and events that are easily written."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailwright.model.workspace import EspSpec
from mailwright.workspace import open_workspace
from send import open_adapter, open_outbox
from triggers.runs import Journal

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "triggers"
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
"""A Friday, nine o'clock in Oslo."""


def make_workspace(folder: Path, people: int = 30) -> Path:
    shutil.copytree(SOURCE, folder)
    data = folder / "data"
    data.mkdir()
    profiles = [
        {
            "profile_id": f"p{n}",
            "email": f"p{n}@example.com",
            "first_name": f"Person {n}",
            "timezone": ["Europe/Oslo", "America/New_York", None][n % 3],
            "birthday": f"1990-{1 + n % 12:02}-{1 + n % 28:02}",
        }
        for n in range(people)
    ]
    items = [
        {"item_id": f"i{n}", "title": f"Item {n}", "category": ["shoes", "tents", "boats"][n % 3]}
        for n in range(12)
    ]
    events = [
        {
            "profile_id": f"p{n}",
            "item_id": f"i{(n * 5 + k) % 12}",
            "event": ["product_viewed", "order_completed"][k % 2],
            "at": (NOW - timedelta(days=200 + n + 3 * k)).isoformat(),
            "amount": 10.0 + n,
            "category": "tents",
        }
        for n in range(10, people)
        for k in range(6)
    ]
    for name, rows in (("profiles", profiles), ("items", items), ("interactions", events)):
        (data / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
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
