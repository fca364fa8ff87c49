"""``mailwright access`` and ``forget``: a person's rights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock, key_values, to_json
from mailwright.privacy import access, forget
from mailwright.workspace import open_workspace

ProfileArgument = Annotated[str, typer.Argument(metavar="PROFILE", help="The profile's id.")]


def register(app: typer.Typer) -> None:
    app.command("access")(access_command)
    app.command("forget")(forget_command)


def access_command(
    profile: ProfileArgument,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Print all that is held of a person, as JSON: sources, features, messages, events, mails."""
    with Session(json) as session:
        space = open_workspace(workspace)
        held = access(space, profile, now=clock(now, space.spec))
        session.finish(held, lambda console: console.print(to_json(held), markup=False, soft_wrap=True))


def forget_command(
    profile: ProfileArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Erase a person everywhere, prove it, and keep a keyed hash so that a re-import cannot mail them."""
    with Session(json) as session:
        space = open_workspace(workspace)
        if not yes and not json:
            typer.confirm(f"Erase {profile} from {workspace.resolve()} for good?", abort=True)
        done = asdict(forget(space, profile))

        def show(console: Console) -> None:
            console.print(key_values("Forgotten", done))

        session.finish(done, show)
