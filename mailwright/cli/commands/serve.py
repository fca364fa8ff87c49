"""``mailwright serve``: what recipients and ESPs call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from mailwright.cli.console import JsonOption, WorkspaceOption, secret_of, to_json
from mailwright.errors import UsageError
from mailwright.server import make_app
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    workspace: WorkspaceOption = Path(),
    host: Annotated[str, typer.Option("--host", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port.")] = 8080,
    json: JsonOption = False,
) -> None:
    """Serve webhooks, unsubscribe and preference pages, mails in the browser and /healthz until Ctrl-C."""
    space = open_workspace(workspace)
    if secret_of(space.spec) is None:
        variable = space.spec.secret_env
        raise UsageError(
            f"links cannot be read: the environment variable {variable} is not set",
            fix=f"export {variable}, the same that `send` had",
        )
    address = f"http://{host}:{port}"
    typer.echo(to_json({"url": address}) if json else f"Serving at {address} (Ctrl-C ends it)")
    app = make_app(space, secret_of(space.spec))
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)
