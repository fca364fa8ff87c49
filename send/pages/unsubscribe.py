"""Unsubscribing (RFC 8058) and preferences. A GET never changes anything: mail scanners follow links."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mailwright.model.identity import message_id
from send.event import Event, Kind
from send.pages import html
from send.pages.app import PageSettings, settings_of

ALL = "*"
"""The purpose that stands for every mail."""


async def unsubscribe(request: Request) -> Response:
    """GET asks, POST does it: from the page's button, or by the mail program (one click). Both may be
    repeated."""
    settings = settings_of(request)
    payload = settings.signer.read("unsubscribe", request.path_params["token"])
    if payload is None or len(payload) != 3:
        return html.bad_link()
    if request.method != "POST":
        return html.ask_unsubscribe(settings.shop)
    await run_in_threadpool(_unsubscribe, settings, *payload)
    return html.unsubscribed(settings.shop)


def _unsubscribe(settings: PageSettings, profile_id: str, campaign: str, occasion: str) -> None:
    """The profile wants nothing any more, and the address that this mail went to is suppressed."""
    mail = message_id(campaign, profile_id, occasion)
    outbox = settings.outbox
    outbox.suppressions.prefer(profile_id, ALL, wanted=False)
    now = outbox.clock()
    outbox.feedback.record(
        [
            Event(
                "mailwright",
                f"unsubscribe {mail}",
                Kind.UNSUBSCRIBED,
                now,
                message_id=mail,
                detail="by its link",
            )
        ]
    )


async def preferences(request: Request) -> Response:
    """GET shows what the profile has chosen, POST keeps it."""
    settings = settings_of(request)
    payload = settings.signer.read("preferences", request.path_params["token"])
    if payload is None or len(payload) != 1:
        return html.bad_link()
    (profile_id,) = payload
    saved = request.method == "POST"
    if saved:
        form = await request.form(max_files=0, max_fields=200)
        kept = {str(value) for value in form.getlist("purpose")}
        await run_in_threadpool(_prefer, settings, profile_id, kept, nothing="none" in form)
    wanted = await run_in_threadpool(settings.outbox.suppressions.preferred, profile_id)
    return html.preference_form(settings.purposes, wanted, saved=saved)


def _prefer(settings: PageSettings, profile_id: str, kept: set[str], *, nothing: bool) -> None:
    prefer = settings.outbox.suppressions.prefer
    for purpose in settings.purposes:
        prefer(profile_id, purpose, wanted=purpose in kept)
    prefer(profile_id, ALL, wanted=not nothing)
