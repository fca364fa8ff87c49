"""Webhooks: verified by the adapter, stored once, answered at once. A forged one gets 401 and is counted."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from send.event import BadSignature, WebhookRequest
from send.pages.app import PageSettings, settings_of


async def webhook(request: Request) -> Response:
    """200 with the number of events that were new; 401 for a bad signature, 400 for what cannot be read."""
    settings = settings_of(request)
    name = request.path_params["esp"]
    if name not in settings.adapters:
        return JSONResponse({"error": "no such webhook"}, status_code=404)
    told = WebhookRequest(
        url=public_url(settings, request),
        headers={key.lower(): value for key, value in request.headers.items()},
        body=await request.body(),
        now=settings.outbox.clock(),
    )
    return await run_in_threadpool(_take, settings, name, told)


def public_url(settings: PageSettings, request: Request) -> str:
    """The address as the ESP called it, which some sign: the workspace's own, whatever proxy is in front."""
    query = f"?{request.url.query}" if request.url.query else ""
    base = settings.signer.base_url.rstrip("/")
    return base + urlsplit(str(request.url)).path + query


def _take(settings: PageSettings, name: str, told: WebhookRequest) -> Response:
    feedback = settings.outbox.feedback
    try:
        events = settings.adapters[name].webhook(told)
    except BadSignature:
        feedback.count(f"webhooks_refused:{name}")
        return JSONResponse({"error": "the signature does not fit"}, status_code=401)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        feedback.count(f"webhooks_unread:{name}")
        return JSONResponse({"error": "not a webhook that can be read"}, status_code=400)
    return JSONResponse({"new": feedback.record(events)})
