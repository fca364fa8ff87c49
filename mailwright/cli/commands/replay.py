"""``mailwright replay``: a sent mail made again, and compared."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mailwright.cli.console import JsonOption, Session, WorkspaceOption, secret_of
from mailwright.sending import archive_of
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    message: Annotated[str, typer.Argument(metavar="MESSAGE_ID", help="Of `mailwright outbox list`.")],
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Of one sent with --stub-esp.")] = False,
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Make a sent mail again from what was kept on that day, and compare it byte for byte."""
    with Session(json) as session:
        space = open_workspace(workspace)
        archive = archive_of(space, rehearsal=rehearsal)
        _, mail = archive.mail(message)
        found = archive.replay(message, secret_of(space.spec))

        def show(console: Console) -> None:
            verdict = f"DIFFERENT: {', '.join(found.different)}" if found.different else "the same bytes"
            console.print(f"{mail['subject']!r}, {found.bytes:,} bytes of HTML: {verdict}", markup=False)
            if found.different:
                name = space.spec.secret_env
                console.print(f"  links are signed: {name} must be what it was on that day", markup=False)

        session.finish(asdict(found) | {"equal": not found.different}, show)
    if found.different:
        raise typer.Exit(1)
