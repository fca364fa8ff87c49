"""The outboxes of a workspace, and what waits in them. Needs no engine: nothing is rendered here."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import Any

from mailwright.policy import delivery_policy
from mailwright.progress import Progress
from mailwright.workspace import Workspace
from send import Outbox, deliver, open_adapter, open_outbox

TESTS = "tests.db"
"""The outbox of test sends: what waits in the campaigns' is not sent along with them."""


def workspace_outbox(workspace: Workspace, *, rehearsal: bool = False) -> Outbox:
    """What remembers who was sent what; rehearsals have one of their own.

    The key of its suppression list is kept in the store itself: were it the workspace's secret, a new
    secret would make us forget whom nobody may mail.
    """
    name = "rehearsal.db" if rehearsal else "outbox.db"
    file = f"sqlite:///{workspace.state.resolve() / name}"
    return open_outbox(file if rehearsal else workspace.spec.store or file)


def deliver_waiting(
    workspace: Workspace, *, wait_hours: float | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Send what waits in the workspace's outbox, rendering nothing; what became of it, counted."""
    policy = delivery_policy(workspace)
    if wait_hours is not None:
        policy = replace(policy, wait_s=wait_hours * 3600)
    adapter = open_adapter(workspace.spec.esp, os.environ, root=workspace.state.resolve())
    return asdict(
        deliver([], adapter=adapter, outbox=workspace_outbox(workspace), policy=policy, progress=progress)
    )
