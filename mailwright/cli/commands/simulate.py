"""``mailwright simulate``: what triggers would send, on a virtual clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

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
    made = data["decisions"]
    at = Column("at (UTC)", no_wrap=True)
    table = Table(at, "trigger", "profile", "what", "why", title=f"{data['events']:,} events")
    for one in made[:SHOWN]:
        cells = (_moment(one["at"]), one["trigger"], one["profile_id"], one["what"], _why(one))
        table.add_row(*map(escape, cells))
    console.print(table)
    if len(made) > SHOWN:
        console.print(f"… and {len(made) - SHOWN:,} decisions more: --json has them all")
    campaigns = Counter(one["campaign"] for one in data["sent"])
    which = ", ".join(f"{name} {count:,}" for name, count in campaigns.most_common())
    waiting = f"{data['still_waiting']:,} runs still wait"
    console.print(escape(f"{len(data['sent']):,} mails{f' ({which})' if which else ''}; {waiting}"))
    for title in ("why_not", "refused", "notes"):
        for text, count in data[title].items():
            console.print(escape(f"  {_TITLES[title]}: {text}, {count:,}×"))


_TITLES = {"why_not": "no mail", "refused": "refused", "notes": "note"}


def _why(decision: Mapping[str, Any]) -> str:
    until = f"until {_moment(decision['due_at'])}" if "due_at" in decision else ""
    told = (decision.get(name, "") for name in ("campaign", "reason", "detail"))
    return " ".join(filter(None, (*told, until)))


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
