"""The server against its own description, by schemathesis: nothing makes it fail, answers are described."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from tests.triggers.conftest import NOW, SOURCE, make_workspace
from triggers.http import EventSettings, event_app
from triggers.worker import Worker

KEY = {"X-Write-Key": "key"}


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """The application over a store of its own, as its description says."""
    from mailwright.model.workspace import EspSpec
    from mailwright.workspace import open_workspace
    from send import open_adapter, open_outbox
    from triggers import open_triggers

    folder = tmp_path_factory.mktemp("openapi")
    root = make_workspace(folder / "workspace", 5)
    assert SOURCE.exists()
    outbox = open_outbox(f"sqlite:///{folder}/store.db", clock=NOW.timestamp)
    adapter = open_adapter(EspSpec(adapter="memory"), {}, root=folder)
    live = open_triggers(
        open_workspace(root), outbox=outbox, adapter=adapter, now=NOW, only=["cart-abandoned"]
    )
    with Worker(live, clock=lambda: NOW) as worker:
        app = event_app(worker, EventSettings(frozenset({"key"}), {"shop": b"secret"}))
        yield schemathesis.openapi.from_asgi("/openapi.json", app)
    outbox.close()


def test_no_request_that_the_description_allows_makes_the_server_fail(described):
    looked_at = []
    for found in described.get_all_operations():
        operation = found.ok()
        looked_at.append(operation.label)

        @settings(
            max_examples=12,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def holds(case):
            case.call_and_validate(headers=KEY, checks=[not_a_server_error, status_code_conformance])

        holds()
    assert len(looked_at) >= 9
