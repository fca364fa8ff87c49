"""``mailwright preview``: the workspace's mails in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailwright.cli.console import JsonOption, NowOption, WorkspaceOption


def register(app: typer.Typer) -> None:
    app.command("preview")(preview)


def preview(
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    host: Annotated[
        str, typer.Option("--host", help="Any other than this machine asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8787,
    mask: Annotated[
        bool, typer.Option("--mask", help="Hide names and addresses, for screen sharing.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")] = True,
    json: JsonOption = False,
) -> None:
    """Serve the preview until Ctrl-C: campaigns, segments, profiles, each mail and why it is as it is."""
