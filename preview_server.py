"""The web preview: a campaign manager sees every mail that matters, and why, before it goes.

``create_app`` makes the ASGI application over one workspace; ``serve`` runs it until Ctrl-C. The pages stand
in ``preview/``; here are the addresses and what lives as long as the server does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import webbrowser
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mailwright.errors import MailwrightError, SendError, UsageError
from preview.desk import Desk
from preview.display import picture
from preview.fullpass import FullPasses
from preview.guard import Guard
from preview.live import Live, follow
from preview.navigation import entries, page_routes
from preview.paper import STATIC, Paper
from preview.settings import PreviewSettings
from preview.views.context import NotYetShownError

__all__ = ["PreviewSettings", "create_app", "listen", "serve", "server_of"]


def create_app(workspace_root: Path, *, settings: PreviewSettings | None = None) -> Starlette:
    """The preview of one workspace. Nothing is read before the first page is asked for."""
    settings = settings or PreviewSettings()
    desk = Desk(workspace_root, settings)
    live = Live()
    app = Starlette(
        routes=routes(),
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={MailwrightError: _show_error, NotYetShownError: _show_progress},
        lifespan=_lifespan(desk, live),
    )
    app.state.desk = desk
    app.state.live = live
    app.state.paper = Paper(entries())
    app.state.passes = FullPasses(desk.root / ".mailwright" / "preview")
    app.state.workspace_name = lambda: _workspace_name(desk)
    return app


def routes() -> list[Route | Mount]:
    """Every address of the preview."""
    return [
        *page_routes(),
        Route("/assets/{name}", _asset),
        Route("/events", _events),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def serve(
    workspace_root: Path,
    settings: PreviewSettings | None = None,
    *,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the preview until Ctrl-C. ``ready`` is told the address; port 0 takes a free one.

    Raises UsageError when the port is taken.
    """
    settings = settings or PreviewSettings()
    bound = listen(settings.host, settings.port)
    actual = _with_port(settings, bound.getsockname()[1])
    app = create_app(workspace_root, settings=actual)
    app.state.desk.glance()  # a workspace that cannot be opened is said here, not in the browser
    if ready is not None:
        ready(actual.address)
    if actual.open_browser:
        webbrowser.open(actual.address)
    with bound:
        server_of(app).run(sockets=[bound])


class _Server(uvicorn.Server):
    """Ends the streams of open pages before it stops: cancelled, each would leave a traceback."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        live: Live = self.config.app.state.live  # type: ignore[union-attr]
        live.close()
        await super().shutdown(sockets)


def server_of(app: Starlette) -> uvicorn.Server:
    """The server of a preview; it waits a second at the end for pages that are being made."""
    return _Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1))


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises UsageError when it cannot.

    It names its protocol, for asyncio sends without delay only on sockets that do: without it every answer
    waits 40 ms for the browser's acknowledgement of its first half.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            fix="name another with --port (0 takes a free one)",
        ) from error
    return bound


def _with_port(settings: PreviewSettings, port: int) -> PreviewSettings:
    return replace(settings, port=port)


def _lifespan(desk: Desk, live: Live) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(follow(desk, live)) if desk.settings.watch else None
        try:
            yield
        finally:
            if watching is not None:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching
            app.state.passes.close()
            desk.close()

    return lifespan


def _workspace_name(desk: Desk) -> str:
    try:
        return desk.glance().spec.name
    except MailwrightError:
        return desk.root.name


def _show_error(request: Request, error: Exception) -> Response:
    """An error that a person can mend, as a page."""
    paper: Paper = request.app.state.paper
    if not isinstance(error, MailwrightError):
        raise error
    status = 404 if isinstance(error, UsageError) else 422 if not isinstance(error, SendError) else 400
    return paper.error(request, error, status)


def _show_progress(request: Request, error: Exception) -> Response:
    """How far the work is that a page waits for; it loads itself again when that is done."""
    paper: Paper = request.app.state.paper
    if not isinstance(error, NotYetShownError):
        raise error
    name = request.path_params["campaign"]
    return paper.page(
        request, "loading.html", campaign=name, work=error.work, active="campaigns", until="all of it"
    )


def _asset(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    return picture(desk.ground().source.assets, request.path_params["name"])


async def _events(request: Request) -> Response:
    live: Live = request.app.state.live
    return StreamingResponse(live.stream(), media_type="text/event-stream")
