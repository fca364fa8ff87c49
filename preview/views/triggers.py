"""Triggers: what there are, and a rehearsal: events typed or pasted, the journey they start, the mails."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mailwright.errors import MailwrightError
from preview.display import Look, for_display
from preview.entry import Entry
from preview.guard import mail_policy
from preview.rehearse import Rehearsal, kept_rehearsal, rehearse, subject_of
from preview.views.context import desk_of, form, paper_of
from triggers import compile_triggers

TELLS = {
    "started": ("begins", "good"),
    "restarted": ("begins anew", "plain"),
    "ignored": ("does not begin", "warn"),
    "waits": ("waits", "plain"),
    "branched": ("goes on", "plain"),
    "set": ("sets", "plain"),
    "sent": ("sends a mail", "good"),
    "cancelled": ("is cancelled", "warn"),
    "suppressed": ("sends nothing", "bad"),
    "ended": ("ends", "plain"),
}
"""A decision (``triggers.runs.What``) as a manager reads it, and its colour."""
WHY = {
    "where": "the event is not the one it asks for",
    "when": "`when` does not hold",
    "unless": "an event of `unless` came",
    "once_per": "this occasion has had its run",
    "under_way": "one is under way",
    "older": "a later event has begun it already",
    "no_occasion": "what `once_per` names is missing",
    "goal": "its goal is reached",
    "capped": "the cap is reached",
    "quiet_hours": "quiet hours",
    "missed": "its moment is over",
    "trigger_changed": "its steps have changed",
    "identified": "the profile turned out to be another",
    "then": "the condition holds",
    "else": "the condition does not hold",
}


def triggers(request: Request) -> Response:
    """The triggers of the workspace, and the form."""
    return _page(request, text=_example(request))


def rehearsed(request: Request, given: FormData) -> Response:
    """The form with what came of it."""
    text, profile_id = str(given.get("events") or ""), str(given.get("id") or "").strip()
    wanted = [name for name in given.getlist("trigger") if isinstance(name, str) and name]
    desk = desk_of(request)
    try:
        done = rehearse(desk.ground(), text, profile_id, wanted, mask=desk.settings.mask)
    except MailwrightError as error:
        return _page(request, text=text, profile_id=profile_id, wanted=wanted, error=error, status=422)
    return _page(request, text=text, profile_id=profile_id, wanted=wanted, done=done)


def mail(request: Request) -> Response:
    """One mail of a rehearsal, as its frame shows it."""
    ground = desk_of(request).ground()
    done = kept_rehearsal(ground, int(request.path_params["number"]))
    html = done.mail(str(request.path_params["message"]))
    shown = for_display(html, ground.source.assets, Look())
    return HTMLResponse(shown, headers={"content-security-policy": mail_policy()})


def _page(
    request: Request,
    *,
    text: str,
    profile_id: str = "",
    wanted: list[str] | None = None,
    done: Rehearsal | None = None,
    error: MailwrightError | None = None,
    status: int = 200,
) -> Response:
    workspace = desk_of(request).workspace()
    return paper_of(request).page(
        request,
        "triggers.html",
        status=status,
        triggers=[
            {"name": name, "spec": file.value, "starts": str(file.value.start)}
            for name, file in sorted(workspace.trigger_files.items())
        ],
        text=text,
        profile_id=profile_id or _first_profile(request),
        wanted=wanted or [],
        done=done,
        journeys=_journeys(done) if done is not None else [],
        error=error,
        tells=TELLS,
        why=WHY,
        active="triggers",
    )


def _journeys(done: Rehearsal) -> list[dict[str, Any]]:
    """The decisions by trigger and profile, each in its order, with the subject of what is sent."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in done.found.decisions:
        mail = done.found.mails.get(one.message_id)
        step = {"decision": one, "subject": subject_of(mail) if mail is not None else None}
        found.setdefault((one.trigger, one.profile_id), []).append(step)
    return [{"trigger": key[0], "profile_id": key[1], "steps": steps} for key, steps in found.items()]


def _first_profile(request: Request) -> str:
    ids = desk_of(request).ground().source.audience.profiles["profile_id"]
    return str(ids[0]) if len(ids) else ""


def _example(request: Request) -> str:
    """A first event that starts something here, so that the form shows what it takes."""
    ground = desk_of(request).ground()
    started = [
        trigger.start.event for trigger in compile_triggers(ground.workspace).values() if trigger.start.event
    ]
    items = ground.source.audience.items["item_id"]
    item = f" {items[0]}" if len(items) else ""
    return f"{started[0]}{item} 2h" if started else ""


ENTRY = Entry("triggers", "/triggers", "Triggers", place=50)
ROUTES = [
    Route("/triggers", triggers, methods=["GET"]),
    Route("/triggers", form(rehearsed), methods=["POST"]),
    Route("/triggers/{number:int}/{message}", mail),
]
