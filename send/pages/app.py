"""Puts the routes together; each group of pages is a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailwright.errors import SendError
from mailwright.model.links import LinkSigner
from send.adapter import Adapter
from send.outbox.store import Outbox

View = Callable[[str, str, str], bytes | None]
"""(profile id, campaign, occasion) → the mail's HTML, made again; None when it cannot be."""


@dataclass(frozen=True)
class PageSettings:
    """What the pages need of the workspace."""

    outbox: Outbox
    signer: LinkSigner
    adapters: Mapping[str, Adapter] = field(default_factory=dict)
    """Those whose webhooks are taken, by name."""
    shop: str = ""
    """How the sender is called on the pages."""
    purposes: Mapping[str, str] = field(default_factory=dict)
    """Purpose → what a reader calls it, for the preference page."""
    view: View | None = None
    view_days: float = 90
    """How long after its sending a mail can be seen in the browser."""


def mail_app(settings: PageSettings, *, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The ASGI application; ``routes`` are added to its own."""
    from send.pages.links import click, view
    from send.pages.unsubscribe import preferences, unsubscribe
    from send.pages.webhooks import webhook

    app = Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Route("/webhooks/{esp}", webhook, methods=["POST"]),
            Route("/u/{token}", unsubscribe, methods=["GET", "POST"]),
            Route("/p/{token}", preferences, methods=["GET", "POST"]),
            Route("/v/{token}", view, methods=["GET"]),
            Route("/c/{token}", click, methods=["GET"]),
            *routes,
        ],
        middleware=[Middleware(Guard)],
    )
    app.state.settings = settings
    return app


def settings_of(request: Request) -> PageSettings:
    found: PageSettings = request.app.state.settings
    return found


async def healthz(request: Request) -> Response:
    """200 with what webhooks have been counted, 503 when the store does not answer."""
    outbox = settings_of(request).outbox
    try:
        counters = await run_in_threadpool(outbox.feedback.counters)
    except SendError:
        return JSONResponse({"status": "the outbox does not answer"}, status_code=503)
    return JSONResponse({"status": "ok", "counters": counters})


class Guard:
    """Headers that every page carries, and the most that a request may hold.

    Signed links are as good as a password: no referrer, no cache and no search engine may keep them.
    """

    most = 10_000_000

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.most:
            await Response("too large", status_code=413)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] += [(n, v) for n, v in _HEADERS if n not in present]
            await send(message)

        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most:
                return {"type": "http.disconnect"}
            return message

        await self._app(scope, counted, guarded)


_HEADERS = (
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"x-robots-tag", b"noindex"),
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    ),
)
