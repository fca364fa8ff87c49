"""``mailwright init``: a new workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mailwright.cli.console import JsonOption, Session
from mailwright.workspace import create_workspace


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is empty or does not exist.")],
    workspace: Annotated[
        Path, typer.Option("--workspace", "-w", help="DIR is below this one.", show_default="this folder")
    ] = Path(),
    json: JsonOption = False,
) -> None:
    """Make a new workspace that works: data of six people, one campaign, two segments."""
    folder = workspace / folder
    with Session(json) as session:
        files = create_workspace(folder)

        def show(console: Console) -> None:
            console.print(f"Made [bold]{folder}[/bold]: " + ", ".join(str(file) for file in files))
            console.print(f"Next: cd {folder} && mailwright run newsletter --dry-run")

        session.finish({"workspace": str(folder), "files": [str(file) for file in files]}, show)
