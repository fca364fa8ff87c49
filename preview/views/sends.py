"""What went out: every campaign and occasion that the outbox knows, and what became of the mails."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwright.model.identity import fingerprint
from mailwright.model.message import Status
from mailwright.outboxes import workspace_outbox
from mailwright.underway import runs_under_way
from mailwright.workspace import Workspace
from preview.census import Share
from preview.entry import Entry
from preview.masking import masked_text
from preview.views.context import desk_of, paper_of

HUES = {"accepted": -1, "delivered": -1, "opened": -1, "clicked": -1, "pending": 0, "claimed": 0}
UNDER_WAY = frozenset({"pending", "claimed"})


def sends(request: Request) -> Response:
    """Sends and rehearsals. The page asks again every two seconds while a send is under way, every five when
    none is, for one may begin; ``seen`` is what it shows, and as long as that holds there is no answer."""
    workspace = desk_of(request).workspace()
    boxes = [
        _box(workspace, name, rehearsal)
        for name, rehearsal in (("Sent", False), ("Rehearsed with the stub ESP", True))
    ]
    outboxes = [box for box in boxes if box["sends"] or box["coming"]]
    told = fingerprint(repr(outboxes))
    if request.query_params.get("seen") == told:
        return Response(status_code=204)
    live = any(box["coming"] or any(send["live"] for send in box["sends"]) for box in outboxes)
    return paper_of(request).page(
        request, "sends.html", outboxes=outboxes, live=live, told=told, active="sends", spec=workspace.spec
    )


def messages(request: Request) -> Response:
    """The messages of one send, those that need somebody's attention first."""
    workspace = desk_of(request).workspace()
    asked = request.query_params
    rehearsal = asked.get("of") == "rehearsal"
    campaign, occasion = asked.get("campaign", ""), asked.get("occasion", "")
    status = asked.get("status") or None
    known = {one.value for one in Status}
    rows = []
    if _exists(workspace, rehearsal):
        outbox = workspace_outbox(workspace, rehearsal=rehearsal)
        try:
            rows = outbox.operators.messages(
                campaign=campaign,
                occasion=occasion,
                status=Status(status) if status in known else None,
                limit=200,
            )
        finally:
            outbox.close()
    mask = desk_of(request).settings.mask
    shown = [
        {
            "row": row,
            "address": masked_text(row.address) if mask else row.address,
            "at": datetime.fromtimestamp(row.at, UTC) if row.at else None,
        }
        for row in rows
    ]
    return paper_of(request).page(
        request,
        "messages.html",
        rows=shown,
        campaign=campaign,
        occasion=occasion,
        active="sends",
        is_campaign=campaign in workspace.campaign_files,
    )


def _exists(workspace: Workspace, rehearsal: bool) -> bool:
    """Looking makes nothing: an outbox that is no file yet is not opened."""
    if not rehearsal and workspace.spec.store:
        return True
    return (workspace.state / ("rehearsal.db" if rehearsal else "outbox.db")).is_file()


def _box(workspace: Workspace, name: str, rehearsal: bool) -> dict[str, Any]:
    """An outbox, and the runs whose mails it does not have yet."""
    found = _sends(workspace, rehearsal)
    there = {(send["campaign"], send["occasion"]) for send in found if send["live"]}
    coming = [
        run
        for run in runs_under_way(workspace.state)
        if run.rehearsal == rehearsal and (run.campaign, run.occasion) not in there
    ]
    return {"name": name, "sends": found, "coming": coming}


def _sends(workspace: Workspace, rehearsal: bool) -> list[dict[str, Any]]:
    if not _exists(workspace, rehearsal):
        return []
    outbox = workspace_outbox(workspace, rehearsal=rehearsal)
    try:
        standings = outbox.operators.overview()
        sending = outbox.is_sending()
    finally:
        outbox.close()
    return [
        {
            "campaign": one.campaign,
            "occasion": one.occasion,
            "state": one.state,
            "why": one.why,
            "total": sum(one.counts.values()),
            "live": sending and one.state == "running" and _waits(one.counts),
            "left": 0 if sending else _waits(one.counts),
            "shares": [
                Share(name, count, HUES.get(name, place % 6 + 1))
                for place, (name, count) in enumerate(sorted(one.counts.items(), key=lambda pair: -pair[1]))
            ],
            "of": "rehearsal" if rehearsal else "sent",
        }
        for one in reversed(standings)
    ]


def _waits(counts: Mapping[str, int]) -> int:
    return sum(counts.get(status, 0) for status in UNDER_WAY)


ENTRY = Entry("sends", "/sends", "Sends", place=60)
ROUTES = [
    Route("/sends", sends),
    Route("/messages", messages),
]
