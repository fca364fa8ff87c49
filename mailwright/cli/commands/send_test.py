"""``mailwright send-test``: a campaign's mail to people who check it, before anybody else gets it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mailwright.cli.asking import make_request
from mailwright.cli.console import (
    CampaignArgument,
    JsonOption,
    NowOption,
    SeedOption,
    Session,
    WorkspaceOption,
)
from mailwright.engine import plan
from mailwright.errors import UsageError
from mailwright.model.campaign import ADDRESS
from mailwright.outboxes import TESTS
from mailwright.policy import rehearsal_policy
from mailwright.sending import open_destination
from mailwright.trial import rows_of, trial_messages
from mailwright.workspace import open_workspace
from send import deliver, open_outbox


def register(app: typer.Typer) -> None:
    app.command("send-test")(send_test)


def send_test(
    campaign: CampaignArgument,
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="ADDRESS", help="Who gets the mails; may be repeated.")
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", metavar="ID", help="Whose mail is looked at; may be repeated."),
    ] = None,
    variants: Annotated[
        int,
        typer.Option("--variants", min=1, max=50, help="Without --profile: mails of so many variants."),
    ] = 1,
    stub_esp: Annotated[
        bool, typer.Option("--stub-esp", help="To a stand-in ESP on this machine, started for it.")
    ] = False,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = None,
    json: JsonOption = False,
) -> None:
    """Send a campaign's mail to named addresses, marked as a test; no recipient counts as served by it.

    The mail is that of a recipient, made again for a stand-in: its links unsubscribe nobody.
    """
    with Session(json) as session, ExitStack() as cleanup:
        for address in to or []:
            if not ADDRESS.fullmatch(address):
                raise UsageError(f"--to {address!r} is no e-mail address")
        if not to:
            raise UsageError("nobody to send it to", fix="name them with --to")
        space = open_workspace(workspace)
        occasion = f"test-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        request = make_request(space, campaign, now=now, seed=seed, workers=1)
        destination = cleanup.enter_context(open_destination(request, stub_esp=stub_esp))
        made = plan(request, session.stages)
        rows = rows_of(made, profile or [], variants)
        messages = list(trial_messages(made, rows, to, occasion=occasion))
        outbox = open_outbox(f"sqlite:///{space.state.resolve() / TESTS}")
        policy = replace(rehearsal_policy(space), group=False, holdout=None)
        report = deliver(messages, adapter=destination.adapter, outbox=outbox, policy=policy)
        data = {
            "campaign": campaign,
            "occasion": occasion,
            "to": to,
            "profiles": rows["profile_id"].to_pylist(),
            "subjects": sorted({message.subject for message in messages}),
            "delivery": asdict(report),
        }

        def show(console: Console) -> None:
            mails, people = len(messages) // len(to or [""]), ", ".join(to or [])
            console.print(f"{report.sent:,} test mails sent: {mails:,} to each of {people}", markup=False)
            for subject in data["subjects"]:
                console.print(f"  {subject}", markup=False)

        session.finish(data, show)
