"""Links into our own pages: the mail in a browser, and clicks that are counted on their way."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailwright.model.identity import message_id
from send.event import Event, Kind
from send.pages import html
from send.pages.app import PageSettings, settings_of

_MAIL_POLICY = (
    "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; font-src https:; "
    "sandbox allow-popups"
)
"""A mail in the browser: its pictures and styles, and no script."""


async def view(request: Request) -> Response:
    """The mail as it was sent, for as long as the workspace keeps it open."""
    settings = settings_of(request)
    payload = settings.signer.read("view", request.path_params["token"])
    if payload is None or len(payload) != 3 or settings.view is None:
        return html.bad_link()
    found = await run_in_threadpool(_view, settings, *payload)
    if found is None:
        return html.page(
            "This mail is no longer shown",
            "<p>It was sent too long ago, or only to be checked.</p>",
            status=410,
        )
    return HTMLResponse(found, headers={"Content-Security-Policy": _MAIL_POLICY})


def _view(settings: PageSettings, profile_id: str, campaign: str, occasion: str) -> bytes | None:
    sent_at = settings.outbox.operators.claimed_at(message_id(campaign, profile_id, occasion))
    if sent_at is None or settings.outbox.clock() - sent_at > settings.view_days * 86400:
        return None
    return settings.view(profile_id, campaign, occasion) if settings.view is not None else None


async def click(request: Request) -> Response:
    """Goes on to the signed address; only to one that was signed here, so it redirects nobody elsewhere."""
    settings = settings_of(request)
    payload = settings.signer.read("click", request.path_params["token"])
    if payload is None or len(payload) != 2 or urlsplit(payload[1]).scheme not in ("http", "https"):
        return html.bad_link()
    mail, url = payload
    now = settings.outbox.clock()
    # One click a link and a minute: a double click is one.
    event = Event("mailwright", f"click {mail} {url[:80]} {int(now // 60)}", Kind.CLICKED, now, mail, url=url)
    await run_in_threadpool(settings.outbox.feedback.record, [event])
    return RedirectResponse(url, status_code=302)
