"""The list of campaigns, and the page of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwright.engine import Outline
from mailwright.errors import MailwrightError
from mailwright.explain import row_of
from preview.census import Census, Share, shares
from preview.desk import View
from preview.entry import Entry
from preview.findings import proofs_of, shown_findings
from preview.fullpass import Exact, Pass
from preview.ground import clock_of
from preview.mail import make_mail
from preview.person import name_of, shown_values
from preview.sheet import Frame, with_gaps
from preview.views.context import (
    campaign_of,
    census_of,
    desk_of,
    paper_of,
    passes_of,
    view_of,
    view_or_work,
)
from preview.work import Work


def index(request: Request) -> Response:
    """All campaigns of the workspace."""
    desk = desk_of(request)
    workspace = desk.glance()
    triggers = list(workspace.trigger_files.values())
    campaigns = [
        {
            "name": name,
            "spec": file.value,
            "triggers": [trigger for trigger in triggers if name in trigger.value.campaigns],
        }
        for name, file in workspace.campaign_files.items()
    ]
    return paper_of(request).page(
        request,
        "campaigns.html",
        campaigns=campaigns,
        now=clock_of(workspace, desk.settings),
        active="campaigns",
    )


def summary(request: Request) -> Response:
    """A campaign's figures for the list; says how far it is while they are computed."""
    place = request.query_params.get("place", "")
    values: dict[str, Any] = {"campaign": campaign_of(request), "place": place if place.isdigit() else "0"}
    try:
        found = view_or_work(request)
    except MailwrightError as error:
        return paper_of(request).page(request, "_summary.html", error=error, work=None, **values)
    if isinstance(found, Work):
        return paper_of(request).page(request, "_summary.html", error=None, work=found, **values)
    census = census_of(found)
    used, blocks = used_blocks(census)
    values |= {"census": census, "reach": reach(census), "used": used, "blocks": blocks}
    sample = _sample(request, found)
    return paper_of(request).page(
        request, "_summary.html", error=found.error, work=None, sample=sample, **values
    )


def _sample(request: Request, view: View) -> dict[str, Any] | None:
    """Subject and preheader as the first recipient of the most frequent variant reads them."""
    for proof in proofs(request, view):
        made = make_mail(view.plan, str(proof["profile_id"]), mask=desk_of(request).settings.mask)
        if made.is_rendered:
            return made.made
    return None


def campaign(request: Request) -> Response:
    """Who gets what, of the whole audience."""
    found = view_or_work(request, outline=True)
    name = campaign_of(request)
    if not isinstance(found, Work):
        values: dict[str, Any] = {"error": found.error, "sheet": proofs(request, found), "work": None}
        values |= _exact_values(passes_of(request).of(found.plan))
        known: Outline = found.plan
        census = census_of(found)
    elif found.outline is not None:
        values = {"error": None, "sheet": [], "work": found}
        known, census = found.outline.outline, found.outline.census
    else:
        return paper_of(request).page(
            request, "loading.html", campaign=name, work=found, active="campaigns", until="outline"
        )
    return paper_of(request).page(
        request,
        "campaign.html",
        active="campaigns",
        campaign=name,
        spec=known.request.spec,
        now=known.request.now,
        census=census,
        reach=reach(census),
        rest=sum(variant.count for variant in census.variants[10:]),
        notes=known.notes,
        **values,
    )


def progress(request: Request) -> Response:
    """How far the work on a campaign is; when it is done, or has failed, the page loads itself again.

    ``until`` says that the page waits for the outline only, or shows that and waits for ``all``.
    """
    until = request.query_params.get("until")
    try:
        found = view_or_work(request, outline=until == "outline")
    except MailwrightError:
        return Response(headers={"hx-refresh": "true"})
    if not isinstance(found, Work) or (until == "outline" and found.outline is not None):
        return Response(headers={"hx-refresh": "true"})
    page = "_coming.html" if until == "all" else "_steps.html"
    return paper_of(request).page(request, page, campaign=campaign_of(request), work=found, until=until)


def exact(request: Request) -> Response:
    """The part of the campaign's page that waits for the full pass."""
    found = view_or_work(request)
    running = Pass() if isinstance(found, Work) else passes_of(request).of(found.plan)
    return paper_of(request).page(
        request, "_exact.html", campaign=campaign_of(request), **_exact_values(running)
    )


def checks(request: Request) -> Response:
    """What the checks find, computed beside the page."""
    found = view_or_work(request)
    findings = [] if isinstance(found, Work) else shown_findings(found)
    levels = [finding["level"] for finding in findings for _ in range(finding["times"])]
    return paper_of(request).page(
        request,
        "_checks.html",
        findings=findings,
        errors=levels.count("error"),
        warnings=levels.count("warning"),
    )


def sheet(request: Request) -> Response:
    """The contact sheet: every block and fallback on as few mails as it takes."""
    found = view_of(request)
    running = passes_of(request).of(found.plan)
    answer = paper_of(request).page(
        request,
        "sheet.html",
        active="campaigns",
        campaign=campaign_of(request),
        census=census_of(found),
        error=found.error,
        running=running,
        shown=proofs(request, found)
        if running.exact is None
        else _whole_sheet(request, found, running.exact),
    )
    if running.exact or running.error:  # whoever waits for the pass gets the whole page
        answer.headers.update({"hx-retarget": "#main", "hx-reselect": "#main"})
    return answer


def proofs(request: Request, view: View) -> list[dict[str, Any]]:
    """The proofs of the blocks, with the names of the people on them."""
    if "sheet" not in view.memo:
        view.memo["sheet"] = _named(request, view, proofs_of(view))
    found: list[dict[str, Any]] = view.memo["sheet"]
    return found


def _whole_sheet(request: Request, view: View, exact: Exact) -> list[dict[str, Any]]:
    """The proofs of blocks and fallbacks, once everybody has been rendered."""
    if "whole sheet" not in view.memo:
        view.memo["whole sheet"] = _named(request, view, with_gaps(view.plan, proofs_of(view), exact.gaps))
    found: list[dict[str, Any]] = view.memo["whole sheet"]
    return found


def _named(request: Request, view: View, frames: Iterable[Frame]) -> list[dict[str, Any]]:
    return [vars(frame) | {"name": _name(request, view, frame.profile_id)} for frame in frames]


def _name(request: Request, view: View, profile_id: str) -> str:
    plan = view.plan
    values = plan.everyone.slice(row_of(plan, profile_id), 1).to_pylist()[0]
    return name_of(shown_values(values, plan.request.workspace.spec, mask=desk_of(request).settings.mask))


def reach(census: Census) -> list[Share]:
    """Recipients first, then every reason for no mail."""
    first = Share("gets the mail", census.eligible)
    return [Share(first.name, first.count, -1), *census.skipped]


def used_blocks(census: Census) -> tuple[int, int]:
    """How many blocks somebody gets, and how many there are."""
    counts = [share.count for slot in census.slots for share in slot.blocks]
    return sum(1 for count in counts if count), len(counts)


def _exact_values(running: Pass) -> dict[str, Any]:
    found = running.exact
    sources = shares(found.sources) if found else ()
    return {
        "running": running,
        "exact": found,
        "sources": sources,
        "items_shown": sum(share.count for share in sources),
    }


ENTRY = Entry("campaigns", "/", "Campaigns", place=10)
ROUTES = [
    Route("/", index),
    Route("/c/{campaign}", campaign),
    Route("/c/{campaign}/summary", summary),
    Route("/c/{campaign}/progress", progress),
    Route("/c/{campaign}/exact", exact),
    Route("/c/{campaign}/checks", checks),
    Route("/c/{campaign}/sheet", sheet),
]
