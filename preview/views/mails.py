"""One mail: the page around it, the copy in its frame, its text, source, headers and MIME."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from mailwright.engine import Plan
from mailwright.errors import MailwrightError, UsageError
from preview.changes import Changes, read_changes
from preview.desk import View
from preview.display import for_display, with_own_pictures
from preview.goldens import NameTakenError, save_case
from preview.guard import mail_policy
from preview.mail import Mail, chosen_row, make_mail, masked_row
from preview.marked import marked_blocks, marked_html, marked_pieces
from preview.mime import mime_bytes, mime_headers
from preview.person import name_of, schema_of
from preview.sketch import has_blocks
from preview.views.context import (
    LOOKS,
    address,
    among_of,
    campaign_of,
    census_of,
    desk_of,
    form,
    look_of,
    paper_of,
    view_of,
)
from preview.views.whatif import form_values, without_what_cannot_be
from preview.whatif import imagine

SHOWS = ("mail", "text", "source", "headers")
SWAP = Markup('hx-target="#stage" hx-select="#stage" hx-swap="outerHTML" hx-push-url="true"')


def mail(request: Request) -> Response:
    """The page of one mail: how it looks, and why."""
    view = view_of(request)
    request, wrong = without_what_cannot_be(request, view)
    made = mail_of(request, view)
    values = page_values(request, view, made)
    return paper_of(request).page(request, "mail.html", status=422 if wrong else 200, wrong=wrong, **values)


def frame(request: Request) -> Response:
    """The mail as the frame shows it."""
    desk = desk_of(request)
    view = desk.quick_view(campaign_of(request))
    look = look_of(request)
    plan, one = _row(request, view)
    if view.settled and not has_blocks(plan, one):
        view = view_of(request, exact=False)
        plan, one = _row(request, view)
    html = marked_html(plan, one)
    if not html:
        return HTMLResponse("<p>There is no mail for this profile.</p>", headers=_policy(look))
    desk.note_shown(campaign_of(request), marked_blocks(html))
    shown = for_display(html, view.ground.source.assets, look)
    return HTMLResponse(shown, headers=_policy(look))


def _row(request: Request, view: View) -> tuple[Plan, pa.Table]:
    """The row to show, and the plan to show it by."""
    changes = changes_of(request, view)
    if changes:
        made = mail_of(request, view)
        return made.plan, made.row
    one, _ = chosen_row(view.plan, _profile_id(request), settled=view.settled)
    return view.plan, masked_row(view.plan, one) if desk_of(request).settings.mask else one


def mime(request: Request) -> Response:
    """The mail as a file that any mail program opens: the bytes that are sent."""
    made = mail_of(request, view_of(request, exact=False))
    headers = {"content-disposition": 'attachment; filename="mail.eml"'}
    return Response(mime_bytes(made.message()), media_type="message/rfc822", headers=headers)


def raw(request: Request) -> Response:
    """The HTML part alone, byte for byte as it is sent."""
    made = mail_of(request, view_of(request, exact=False))
    headers = {"content-disposition": 'attachment; filename="mail.html"'} | {
        "content-security-policy": mail_policy(pictures=False)
    }
    return Response(made.message().html, media_type="text/html; charset=us-ascii", headers=headers)


def _golden(request: Request, given: FormData) -> Response:
    """Save the mail in view as a golden test, and go back to it; what is wrong is said at the form."""
    view = view_of(request)
    if desk_of(request).settings.mask:
        raise UsageError("tests are not saved while personal data is masked")
    name, in_place = str(given.get("name", "")).strip(), "hx-request" in request.headers
    try:
        folder = save_case(mail_of(request, view), name, overwrite=given.get("overwrite") == name)
    except UsageError as error:
        if not in_place:
            raise
        return paper_of(request).page(
            request,
            "_golden.html",
            campaign=campaign_of(request),
            here=request.url.query,
            typed=name,
            golden_problem=error,
            taken=isinstance(error, NameTakenError),
        )
    query = [pair for pair in request.query_params.multi_items() if pair[0] != "saved"]
    there = f"/c/{campaign_of(request)}/mail?{urlencode([*query, ('saved', folder.name)])}"
    return Response(headers={"hx-redirect": there}) if in_place else RedirectResponse(there, status_code=303)


def mail_of(request: Request, view: View) -> Mail:
    """The mail that the address names."""
    profile_id = _profile_id(request)
    changes = changes_of(request, view)
    if changes:
        return imagine(view.plan, view.ground, profile_id, changes)
    return make_mail(view.plan, profile_id, settled=view.settled, mask=desk_of(request).settings.mask)


def _profile_id(request: Request) -> str:
    profile_id = request.query_params.get("id", "")
    if not profile_id:
        raise UsageError("no profile is named", fix="open a mail from its campaign's page")
    return profile_id


def changes_of(request: Request, view: View) -> Changes:
    """The what-if of the address; there is none while people are masked, for its fields would show them."""
    if desk_of(request).settings.mask:
        return Changes()
    return read_changes(request.query_params.multi_items(), view.ground)


def page_values(request: Request, view: View, made: Mail) -> dict[str, Any]:
    """Everything that the page of a mail shows."""
    campaign = campaign_of(request)
    asked = request.query_params
    show = asked.get("view", "mail")
    values = made.values
    result = made.made if made.is_rendered else None
    spec = made.plan.request.spec
    sender = spec.sender or made.plan.request.workspace.spec.sender
    among = among_of(request)
    base = f"/c/{campaign}"
    return {
        "active": "campaigns",
        "campaign": campaign,
        "census": census_of(view),
        "error": view.error,
        "profile_id": values["profile_id"],
        "name": name_of(values),
        "masked_name": desk_of(request).settings.mask,
        "values": values,
        "outside": made.outside,
        "among": among,
        "among_query": urlencode(among.query | {name: asked[name] for name in LOOKS if name in asked}),
        "here_all": address(f"{base}/mail", id=values["profile_id"]),
        "made": result,
        "failed": made.made["reason"] or "",
        "sender": sender.name,
        "show": show if show in SHOWS else "mail",
        "look": look_of(request),
        "width_asked": look_of(request).width,
        "here": request.url.query,
        "saved": asked.get("saved", ""),
        "typed": "",
        "golden_problem": None,
        "taken": False,
        "link": partial(_link, request),
        "swap": SWAP,
        "source": _source(made) if show == "source" else "",
        "headers": mime_headers(made.message()) if show == "headers" and result else (),
        **why_values(view, made),
        **form_values(view.ground, made.plan, made.values, changes_of(request, view)),
    }


def why_values(view: View, made: Mail) -> dict[str, Any]:
    """The trace, the items and the profile's facts."""
    trace, problem = None, ""
    try:
        trace = made.trace()
    except MailwrightError as error:
        problem = str(error)
    values = made.values
    schema = schema_of(made.plan.request.workspace.spec)
    assets = view.ground.source.assets
    catalogue, asks = made.plan.context.catalogue, made.plan.compiled.asks

    def pictured(column: str) -> list[dict[str, Any]]:
        items = []
        for found in values.get(column) or ():
            item = catalogue.get(found["item_id"], {})
            picture = item.get("image") or ""
            shown = with_own_pictures(f'"{picture}"'.encode(), assets).decode()[1:-1]
            items.append(
                {
                    "title": item.get("title", found["item_id"]),
                    "reason": found["reason"],
                    "source": found["source"],
                    "picture": shown if shown.startswith("/assets/") else "",
                }
            )
        return items

    return {
        "trace": trace,
        "trace_error": problem,
        "items": pictured("recommendations"),
        "asked": [(one, pictured(ask.column)) for ask, one in zip(asks, trace.asked, strict=True)]
        if trace is not None
        else [],
        "note": values.get("recommendation_note") or "",
        "facts": [(name, values[name]) for name in schema if name in values],
        "sources": block_files(made),
        "weights": {slot: len(text) for slot, _, text in marked_pieces(marked_html(made.plan, made.row))},
    }


def block_files(made: Mail) -> dict[str, str]:
    """Where each block's file is shown."""
    links: dict[str, str] = {}
    for slot in made.plan.compiled.compiled_slots.values():
        for block in slot.blocks:
            links[block.name] = f"{address('/source', file=block.at.file)}#L{block.at.line or 1}"
    return links


def _link(request: Request, path: str = "mail", **changes: str | int | None) -> str:
    """This page with some of its settings changed; ``path`` is the page of the mail to go to."""
    query = {name: value for name, value in request.query_params.items() if name not in changes}
    query |= {name: str(value) for name, value in changes.items() if value is not None}
    if path != "mail":
        query = {name: value for name, value in query.items() if name not in ("view",)}
    return f"/c/{campaign_of(request)}/{path}?{urlencode(query)}"


def _source(made: Mail) -> str:
    html: bytes = made.made["html"] or b""
    return html.decode("ascii", "replace")


def _policy(look: Any) -> dict[str, str]:
    return {"content-security-policy": mail_policy(pictures=look.pictures, outside=look.outside)}


ROUTES = [
    Route("/c/{campaign}/mail", mail),
    Route("/c/{campaign}/frame", frame),
    Route("/c/{campaign}/raw", raw),
    Route("/c/{campaign}/mime", mime),
    Route("/c/{campaign}/golden", form(_golden), methods=["POST"]),
]
