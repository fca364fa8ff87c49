"""``mailwright serve``: what recipients and ESPs call."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from mailwright.cli.console import JsonOption, WorkspaceOption, clock, secret_of, to_json
from mailwright.errors import UsageError
from mailwright.server import make_app, taking_events
from mailwright.workspace import open_workspace


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    workspace: WorkspaceOption = Path(),
    host: Annotated[str, typer.Option("--host", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port.")] = 8080,
    json: JsonOption = False,
) -> None:
    """Serve webhooks, unsubscribe and preference pages, mails in the browser and /healthz until Ctrl-C.

    With triggers in the workspace and keys in MAILWRIGHT_WRITE_KEYS it takes events too (docs/triggers.md).
    """
    space = open_workspace(workspace)
    secret = secret_of(space.spec)
    if secret is None:
        variable = space.spec.secret_env
        raise UsageError(
            f"links cannot be read: the environment variable {variable} is not set",
            fix=f"export {variable}, the same that `send` had",
        )
    _log_to_stderr()
    # uvicorn hands the signal on when it has stopped: it must unwind this process, not end it, so that what
    # was taken is stored and mails under way are finished.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = f"http://{host}:{port}"
    typer.echo(to_json({"url": address}) if json else f"Serving at {address} (Ctrl-C ends it)")
    with taking_events(space, secret, now=clock(None, space.spec)) as routes:
        app = make_app(space, secret, routes=routes)
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)


def _log_to_stderr() -> None:
    """Lines of JSON, which name no profile, for whoever collects them."""
    logger = logging.getLogger("mailwright")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
