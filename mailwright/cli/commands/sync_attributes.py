"""``mailwright sync-attributes``: segments and recommendations as profile attributes of a platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailwright.attributes import sync_workspace
from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock, key_values
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("sync-attributes")(sync_attributes)


def sync_attributes(
    workspace: WorkspaceOption = Path(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would change.")] = False,
    stub_esp: Annotated[
        bool, typer.Option("--stub-esp", help="To a stand-in on this machine, started for it.")
    ] = False,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Give Klaviyo, Braze, HubSpot, Salesforce or Mailchimp each profile's segments and recommendations.

    Only what changed since it was last sent goes out; `attributes` of mailwright.yaml names the platform.
    """
    with Session(json) as session:
        space = open_workspace(workspace)
        moment = clock(now, space.spec)
        report = sync_workspace(space, session.stages, now=moment, send=not dry_run, stub_esp=stub_esp)
        title = "would change" if dry_run else "attributes sent"
        session.finish(report, lambda console: console.print(key_values(title, report)))
