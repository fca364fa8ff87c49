"""``mailwright feedback``: what people did with their mails, for the next training."""

from __future__ import annotations

from pathlib import Path

import typer

from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock, key_values
from mailwright.feedback import gather_feedback
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("feedback")(feedback)


def feedback(
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Lay opens, clicks and live events beside the interactions; run, send and train do so by themselves."""
    with Session(json) as session:
        space = open_workspace(workspace)
        with session.stages("feedback"):
            counts = gather_feedback(space, now=clock(now, space.spec))
        data = {"interactions": sum(counts.values()), "events": dict(counts)}
        session.finish(data, lambda console: console.print(key_values("Feedback", data)))
