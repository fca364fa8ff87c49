"""Segments: their sizes, how they overlap, and a campaign's mails in several of them side by side."""

from __future__ import annotations

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwright.engine import Plan
from mailwright.errors import MailwrightError
from preview.entry import Entry
from preview.finder import Among, rows_among
from preview.mail import make_mail
from preview.person import name_of
from preview.views.context import campaign_of, census_of, desk_of, look_of, paper_of, view_of

BESIDE = 4
"""Segments shown side by side when none is asked for."""


def segments(request: Request) -> Response:
    """Every segment of the workspace: its rule, its size, what it shares with the others."""
    ground = desk_of(request).ground()
    segmentation = ground.segmentation
    specs = ground.workspace.segments
    total = ground.source.audience.profiles.num_rows
    names = list(segmentation.sizes)
    columns = [segmentation.columns[f"segment:{name}"].to_numpy().astype(np.int64) for name in names]
    members = np.stack(columns) if columns else np.zeros((0, total), np.int64)
    shared = members @ members.T
    nowhere = int(total - members.any(axis=0).sum()) if len(names) else total
    return paper_of(request).page(
        request,
        "segments.html",
        active="segments",
        total=total,
        nowhere=nowhere,
        names=names,
        specs=specs,
        sizes=segmentation.sizes,
        notes=segmentation.notes,
        fallen=segmentation.fallen_back,
        shared=shared.tolist(),
        now=ground.now,
    )


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
    Route("/c/{campaign}/segments", beside),
]
