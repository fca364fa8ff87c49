"""Where a campaign's mails go: the workspace's ESP, or a stand-in for it on this machine."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mailwright.archive import Archive
from mailwright.engine import Plan, Request
from mailwright.errors import ConfigError, GateError, SendError
from mailwright.model.workspace import EspSpec
from mailwright.outboxes import workspace_outbox
from mailwright.policy import delivery_policy, rehearsal_policy
from mailwright.progress import Progress
from mailwright.run import Rendering, spooled_messages
from mailwright.trial import seed_messages
from mailwright.workspace import Workspace
from send import Adapter, DeliveryPolicy, Outbox, StubEsp, deliver, open_adapter
from send.outbox.person import known_messages

LOCAL_ADAPTERS = frozenset({"folder", "memory"})
"""Adapters whose mails stay on this machine; they need no secret of the workspace."""

REHEARSED = "sendgrid"
"""What the stub plays where the workspace's own adapter has no API."""

REHEARSALS_KEPT = 3
"""Rehearsals whose mails are kept before a new one."""


@dataclass(frozen=True)
class Destination:
    """An adapter and the outbox that remembers what went through it."""

    adapter: Adapter
    outbox: Outbox
    archive: Archive
    rehearsal: bool
    policy: DeliveryPolicy

    @property
    def groups(self) -> bool:
        """Whether its ESP takes one body for many recipients, each with a List-Unsubscribe of its own, which
        every mail of a campaign has."""
        can = self.adapter.capabilities
        return self.policy.group and can.max_grouped > 1 and can.grouped_headers


@contextmanager
def open_destination(request: Request, *, stub_esp: bool = False) -> Iterator[Destination]:
    """The workspace's ESP with its outbox; with ``stub_esp`` a stub of that ESP, and an outbox of its own.

    Raises SendError when a credential is missing, or the secret that signs unsubscribe links.
    """
    workspace = request.workspace
    esp = workspace.spec.esp
    folder = workspace.state.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if stub_esp:
        name = REHEARSED if esp.adapter in LOCAL_ADAPTERS else esp.adapter
        with StubEsp(process=True) as stub:
            adapter = open_adapter(_pointed_at(esp, name, stub.address(name)), _any_credential(), root=folder)
            outbox = workspace_outbox(workspace, rehearsal=True)
            archive = archive_of(workspace, rehearsal=True)
            yield Destination(adapter, outbox, archive, rehearsal=True, policy=rehearsal_policy(workspace))
        return
    if esp.adapter not in LOCAL_ADAPTERS and request.secret is None:
        variable = workspace.spec.secret_env
        raise SendError(
            f"unsubscribe links cannot be signed: the environment variable {variable} is not set",
            fix=f"export {variable} to 32 random characters or more, and keep it: links of old mails need it",
        )
    try:
        adapter = open_adapter(esp, os.environ, root=folder)
    except ConfigError as error:
        raise ConfigError(error.what, at=workspace.config.at("esp"), fix=error.fix) from error
    outbox, policy = workspace_outbox(workspace), delivery_policy(workspace)
    yield Destination(adapter, outbox, archive_of(workspace), rehearsal=False, policy=policy)


def archive_of(workspace: Workspace, *, rehearsal: bool = False) -> Archive:
    """The mails that were sent; those of rehearsals stand apart."""
    return Archive(workspace.state / ("rehearsed" if rehearsal else "sent"))


def _pointed_at(esp: EspSpec, adapter: str, base_url: str) -> EspSpec:
    return EspSpec(adapter=adapter, base_url=base_url, credentials=esp.credentials, options=esp.options)


def _any_credential() -> defaultdict[str, str]:
    """An environment in which every credential is set: a stub takes any."""

    class Stand(defaultdict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002 the Mapping's signature
            return "stub"

    return Stand()


def refuse_outside_schedule(request: Request) -> None:
    """Raise GateError when the campaign's schedule does not allow sending at the request's clock."""
    schedule = request.spec.schedule
    if schedule.not_before is not None and request.now < schedule.not_before:
        raise GateError(f"the campaign is not to be sent before {schedule.not_before.isoformat()}")
    if schedule.not_after is not None and request.now > schedule.not_after:
        raise GateError(f"the campaign is not to be sent after {schedule.not_after.isoformat()}")


def refuse_local_pictures(rendering: Rendering) -> None:
    """Raise SendError when a mail points at a picture on this machine."""
    if rendering.with_local_pictures:
        raise SendError(
            f"nothing was sent: {rendering.with_local_pictures:,} mails point at pictures on this machine",
            fix="upload .mailwright/assets to a web server and set assets_base_url in mailwright.yaml",
        )


def send_spool(
    plan: Plan, spool: Path, destination: Destination, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Keep every new mail of the spool, hand it to the outbox and the ESP; what became of them, counted."""
    request = plan.request
    archive = destination.archive
    archive.expire(request.now, request.workspace.spec.retention.messages_days)
    if destination.rehearsal:
        archive.keep_last(REHEARSALS_KEPT)
    ids = pq.read_table(spool, columns=["message_id"])["message_id"].drop_null().to_pylist()
    archive.keep(plan, spool, known_messages(destination.outbox.db, ids))
    seeds = list(seed_messages(plan))
    # A rehearsal has the clock that it was given, the outbox the one on the wall.
    window = None if destination.rehearsal else request.spec.schedule.not_after
    report = deliver(
        chain(seeds, spooled_messages(request, spool, not_after=window)),
        adapter=destination.adapter,
        outbox=destination.outbox,
        policy=replace(destination.policy, purpose=request.spec.purpose),
        progress=progress,
    )
    return asdict(report) | {"seeds": len(seeds)}
