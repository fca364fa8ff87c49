"""``mailwright simulate``: what triggers would send, on a virtual clock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailwright.cli.console import JsonOption, Session, WorkspaceOption
from mailwright.errors import UsageError
from mailwright.workspace import open_workspace
from triggers import read_lines, simulate

SHOWN = 50
"""Decisions in the table; --json has them all."""


def register(app: typer.Typer) -> None:
    app.command("simulate")(simulate_events)


def simulate_events(
    events: Annotated[Path, typer.Argument(metavar="EVENTS.jsonl", help="Segment calls, one a line.")],
    trigger: Annotated[list[str] | None, typer.Option("--trigger", help="Only this one; may repeat.")] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Replay events on a virtual clock: what would be sent, to whom, when, and why not otherwise."""
    with Session(json) as session:
        space = open_workspace(workspace)
        try:
            lines = events.read_bytes().splitlines()
        except OSError as error:
            raise UsageError(f"{events} cannot be read: {error.strerror}") from error
        with session.stages("simulate"):
            data = simulate(space, read_lines(lines), triggers=trigger or None).as_dict()
        session.finish(data, lambda console: _show(console, data))


def _show(console: Console, data: dict[str, Any]) -> None:
    table = Table("at", "trigger", "profile", "what", "why", title=f"{data['events']:,} events")
    for one in data["decisions"][:SHOWN]:
        why = " ".join(filter(None, (one.get("reason"), one.get("detail"))))
        cells = (one["at"], one["trigger"], one["profile_id"], one["what"], why)
        table.add_row(*map(escape, cells))
    console.print(table)
    console.print(f"{len(data['sent']):,} mails; {data['still_waiting']:,} runs still wait")
