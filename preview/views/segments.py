"""Segments: sizes, overlap, drift, groups, scores; and a campaign's mails in several of them side by side."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwright.engine import Plan
from mailwright.errors import MailwrightError
from preview.entry import Entry
from preview.finder import Among, rows_among
from preview.insights import audit_of, picture, pictures
from preview.mail import make_mail
from preview.person import name_of
from preview.views.context import campaign_of, census_of, desk_of, look_of, paper_of, view_of
from segments.drift import ALERT, MAX_CHURN, WATCH
from segments.methods import STABLE
from segments.targets import TARGETS

BESIDE = 4
"""Segments shown side by side when none is asked for."""


def segments(request: Request) -> Response:
    """Every segment of the workspace: its rule, its size, what it shares with the others."""
    ground = desk_of(request).ground()
    segmentation, found = ground.segmentation, audit_of(ground)
    audit, learned = found.audit, ground.source.learned
    return paper_of(request).page(
        request,
        "segments.html",
        active="segments",
        total=audit.profiles,
        nowhere=audit.uncovered,
        names=audit.names,
        specs=ground.workspace.segments,
        sizes=segmentation.sizes,
        notes=(*segmentation.notes, *learned.notes, *found.notes),
        fallen=segmentation.fallen_back,
        shared=audit.overlap.tolist(),
        audit=audit,
        since=found.since,
        limits=(WATCH, ALERT, MAX_CHURN),
        learned=learned,
        stable=STABLE,
        targets=TARGETS,
        pictures=pictures(ground),
        now=ground.now,
    )


def drawn(request: Request) -> Response:
    """A picture of the segments page."""
    ground = desk_of(request).ground()
    return Response(picture(ground, request.path_params["name"]), media_type="image/png")


def beside(request: Request) -> Response:
    """A mail of each of some segments side by side."""
    view = view_of(request)
    census = census_of(view)
    there = [share.name for share in census.segments if share.count]
    asked = [name for name in request.query_params.getlist("s") if name in there]
    chosen = asked or there[:BESIDE]
    turn = request.query_params.get("turn", "0")
    place = int(turn) if turn.isdigit() and len(turn) < 9 else 0
    columns = []
    for name in chosen:
        rows = rows_among(view.plan, Among(segment=name))
        profile_id = view.plan.recipients["profile_id"][int(rows[place * 7919 % len(rows)])].as_py()
        columns.append(_column(request, view.plan, name, len(rows), profile_id))
    return paper_of(request).page(
        request,
        "beside.html",
        active="campaigns",
        campaign=campaign_of(request),
        columns=columns,
        there=census.segments,
        chosen=chosen,
        turn=place,
        look=look_of(request),
        error=view.error,
    )


def _column(request: Request, plan: Plan, name: str, count: int, profile_id: str) -> dict[str, object]:
    made = make_mail(plan, profile_id, mask=desk_of(request).settings.mask)
    try:
        slots = made.trace().slots
    except MailwrightError:
        slots = ()
    return {
        "segment": name,
        "count": count,
        "profile_id": profile_id,
        "name": name_of(made.values),
        "subject": made.made["subject"] or "",
        "slots": slots,
    }


ENTRY = Entry("segments", "/segments", "Segments", place=20)
ROUTES = [
    Route("/segments", segments),
    Route("/segments/picture/{name}", drawn),
    Route("/c/{campaign}/segments", beside),
]
