"""``mailwright alerts``: what wears off, who gets too much, which segments might be merged."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock
from mailwright.insights import look_around
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("alerts")(alerts)


def alerts(
    days: Annotated[int, typer.Option("--days", min=1, help="These days against those before.")] = 28,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Show what wears off, what is too much, complaints and bounces, and segments to merge or rethink."""
    with Session(json) as session:
        space = open_workspace(workspace)
        found = look_around(space, now=clock(now, space.spec), days=days, stages=session.stages)
        data = {
            "alerts": [asdict(one) | {"p": None if one.p != one.p else one.p} for one in found.alerts],
            "proposals": [asdict(one) for one in found.proposals],
        }

        def show(console: Console) -> None:
            for alert in found.alerts:
                console.print(f"{alert.kind}: {alert.text}", markup=False)
            for proposal in found.proposals:
                console.print(f"{proposal.kind}: {proposal.text}", markup=False)
            if not found.alerts and not found.proposals:
                console.print("Nothing to worry about.")

        session.finish(data, show)
