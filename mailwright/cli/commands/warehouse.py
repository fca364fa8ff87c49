"""``mailwright warehouse``: everything that was sent and what came of it, as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock
from mailwright.results import question_of
from mailwright.workspace import open_workspace
from measure.warehouse import write_warehouse


def register(app: typer.Typer) -> None:
    app.command("warehouse")(warehouse)


def warehouse(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the Parquet files go.")],
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Of what --stub-esp took.")] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Make up opens, clicks and orders, and say so.")
    ] = False,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Write every mail, every event, and what each mail came to, as Parquet (docs/measure.md: the schema)."""
    with Session(json) as session:
        space = open_workspace(workspace)
        with session.stages("measure"):
            question = question_of(space, now=clock(now, space.spec), rehearsal=rehearsal, simulate=simulate)
            written = write_warehouse(question, folder)
        data = {"files": {str(path): rows for path, rows in written.items()}}

        def show(console: Console) -> None:
            for path, rows in written.items():
                console.print(f"{path}: {rows:,} rows", markup=False, soft_wrap=True)

        session.finish(data, show)
