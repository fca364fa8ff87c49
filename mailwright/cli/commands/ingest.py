"""``mailwright ingest``: a workspace from data of a known shape."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from audience import ingest_online_retail
from mailwright.cli.console import JsonOption, Session, WorkspaceOption, key_values


class Shape(StrEnum):
    ONLINE_RETAIL = "online-retail"


def register(app: typer.Typer) -> None:
    app.command("ingest")(ingest)


def ingest(
    shape: Annotated[Shape, typer.Argument(help="What the data look like.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file.")],
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Build a workspace from a data set, and report what was left out of it."""
    with Session(json) as session:
        with session.stages("ingest"):
            report = ingest_online_retail(path, workspace)

        def show(console: Console) -> None:
            console.print(key_values(f"Ingested into {workspace}", report))
            console.print(f"Next: mailwright run newsletter --dry-run --workspace {workspace}")

        session.finish({"shape": str(shape), "workspace": str(workspace), **report}, show)
