"""``mailwright preview``: the workspace's mails in the browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mailwright.cli.console import (
    JsonOption,
    NowOption,
    SeedOption,
    WorkersOption,
    WorkspaceOption,
    clock,
    secret_of,
    to_json,
)
from mailwright.workspace import open_workspace
from preview_server import PreviewSettings, serve


def register(app: typer.Typer) -> None:
    app.command("preview")(preview)


def preview(
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = None,
    host: Annotated[
        str, typer.Option("--host", help="Any but this machine's own asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8787,
    mask: Annotated[bool, typer.Option("--mask", help="Hide what identifies a person.")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")] = True,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Serve the preview until Ctrl-C: campaigns, segments, profiles, each mail and why it is as it is."""
    spec = open_workspace(workspace).spec
    settings = PreviewSettings(
        host=host,
        port=port,
        mask=mask,
        now=clock(now, spec),
        seed=seed,
        secret=secret_of(spec),
        open_browser=browser,
    )
    serve(
        workspace,
        settings=settings if workers is None else replace(settings, workers=workers),
        ready=lambda address: typer.echo(
            to_json({"url": address}) if json else f"The preview is at {address} (Ctrl-C ends it)"
        ),
    )
