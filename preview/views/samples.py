"""A template with its sample data, all kinds beside each other."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mailwright.errors import MailwrightError
from preview.display import for_display, with_stand_ins
from preview.guard import mail_policy
from preview.samples import read_sample, render_sample, sample_kinds
from preview.views.context import address, desk_of, look_of, paper_of


def samples(request: Request) -> Response:
    """The page of a template: each of its samples in a frame, or what is wrong with it."""
    ground = desk_of(request).ground()
    template = request.query_params.get("template", "")
    columns = []
    for kind in sample_kinds(ground, template):
        column = {"kind": kind, "subject": "", "size": 0, "error": None, "reason": ""}
        try:
            made = render_sample(ground, template, read_sample(ground, template, kind))
            column |= {"subject": made["subject"] or "", "size": len(made["html"] or b"")}
            column["reason"] = "" if made["html"] else f"{made['reason']}: {made['detail']}"
        except MailwrightError as error:
            column["error"] = error
        column["src"] = address(
            "/sample/frame", template=template, sample=kind, scheme="dark" if look_of(request).dark else None
        )
        columns.append(column)
    return paper_of(request).page(
        request,
        "samples.html",
        active="library",
        template=template,
        columns=columns,
        look=look_of(request),
    )


def frame(request: Request) -> Response:
    """The mail of one sample as its frame shows it."""
    ground = desk_of(request).ground()
    asked = request.query_params
    template = asked.get("template", "")
    made = render_sample(ground, template, read_sample(ground, template, asked.get("sample", "")))
    look = look_of(request)
    html = made["html"] or b"<p>There is no mail for this sample.</p>"
    shown = with_stand_ins(for_display(html, ground.source.assets, look))
    return HTMLResponse(shown, headers={"content-security-policy": mail_policy()})


ROUTES = [
    Route("/sample", samples),
    Route("/sample/frame", frame),
]
