"""``mailwright export``: the audience without what identifies a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from audience import export_pseudonymised
from mailwright.cli.console import JsonOption, NowOption, Session, WorkspaceOption, clock, secret_of
from mailwright.engine import read_workspace
from mailwright.errors import UsageError
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("export")(export)


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the Parquet files go.")],
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Write profiles, items and interactions as Parquet, pseudonymised under the workspace's secret."""
    with Session(json) as session:
        space = open_workspace(workspace)
        key = secret_of(space.spec)
        if key is None:
            variable = space.spec.secret_env
            raise UsageError(
                f"pseudonyms need a key: the environment variable {variable} is not set",
                fix=f"export {variable} to 32 random characters or more",
            )
        with session.stages("read"):
            audience = read_workspace(space, now=clock(now, space.spec)).audience
        with session.stages("export"):
            files = [str(path) for path in export_pseudonymised(audience, space.spec, folder, key=key)]

        def show(console: Console) -> None:
            console.print("Wrote " + ", ".join(files), markup=False, soft_wrap=True)

        session.finish({"files": files}, show)
