"""The list of campaigns, and the page of one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mailwright.errors import MailwrightError
from preview.census import Census, Share, shares
from preview.desk import View, Work
from preview.fullpass import Pass
from preview.mail import make_mail
from preview.person import name_of, shown_values
from preview.sheet import contact_sheet
from preview.views.context import campaign_of, census_of, desk_of, paper_of, passes_of, view_or_work


def index(request: Request) -> Response:
    """All campaigns of the workspace."""
    ground = desk_of(request).ground()
    workspace = ground.workspace
    triggers = list(workspace.trigger_files.values())
    campaigns = [
        {
            "name": name,
            "spec": file.value,
            "triggers": [trigger for trigger in triggers if trigger.value.campaign == name],
        }
        for name, file in workspace.campaign_files.items()
    ]
    return paper_of(request).page(
        request, "campaigns.html", campaigns=campaigns, now=ground.now, active="campaigns"
    )


def summary(request: Request) -> Response:
    """A campaign's figures for the list; says how far it is while they are computed."""
    name = campaign_of(request)
    try:
        view = view_or_work(request)
    except MailwrightError as error:
        return paper_of(request).page(request, "_summary.html", error=error, work=None, campaign=name)
    if isinstance(view, Work):
        return paper_of(request).page(request, "_summary.html", error=None, work=view, campaign=name)
    census = census_of(view)
    used, blocks = used_blocks(census)
    return paper_of(request).page(
        request,
        "_summary.html",
        campaign=name,
        error=view.error,
        work=None,
        census=census,
        reach=reach(census),
        used=used,
        blocks=blocks,
    )


def campaign(request: Request) -> Response:
    """Who gets what, of the whole audience."""
    found = view_or_work(request)
    name = campaign_of(request)
    if isinstance(found, Work):
        return paper_of(request).page(request, "loading.html", campaign=name, work=found, active="campaigns")
    census = census_of(found)
    plan = found.plan
    return paper_of(request).page(
        request,
        "campaign.html",
        active="campaigns",
        campaign=name,
        spec=plan.request.spec,
        now=plan.request.now,
        census=census,
        reach=reach(census),
        rest=sum(variant.count for variant in census.variants[10:]),
        notes=plan.notes,
        error=found.error,
        sheet=proofs(request, found),
        **_exact_values(passes_of(request).of(plan)),
    )


def exact(request: Request) -> Response:
    """The part of the campaign's page that waits for the full pass."""
    found = view_or_work(request)
    running = Pass() if isinstance(found, Work) else passes_of(request).of(found.plan)
    return paper_of(request).page(
        request, "_exact.html", campaign=campaign_of(request), **_exact_values(running)
    )


def sheet(request: Request) -> Response:
    """The contact sheet: every block on as few mails as it takes."""
    found = view_or_work(request)
    name = campaign_of(request)
    if isinstance(found, Work):
        return paper_of(request).page(request, "loading.html", campaign=name, work=found, active="campaigns")
    return paper_of(request).page(
        request,
        "sheet.html",
        active="campaigns",
        campaign=name,
        census=census_of(found),
        error=found.error,
        shown=proofs(request, found),
    )


def proofs(request: Request, view: View) -> list[dict[str, object]]:
    """The proofs of the contact sheet with the names of the people on them."""
    if "sheet" not in view.memo:
        view.memo["sheet"] = contact_sheet(view.plan, census_of(view))
    settings = desk_of(request).settings
    spec = view.plan.request.workspace.spec
    found = []
    for frame in view.memo["sheet"]:
        values = make_mail(view.plan, frame.profile_id).values
        name = name_of(shown_values(values, spec, mask=settings.mask))
        found.append(
            {"profile_id": frame.profile_id, "name": name, "count": frame.count, "blocks": frame.blocks}
        )
    return found


def reach(census: Census) -> list[Share]:
    """Recipients first, then every reason for no mail."""
    first = Share("gets the mail", census.eligible)
    return [Share(first.name, first.count, -1), *census.skipped]


def used_blocks(census: Census) -> tuple[int, int]:
    """How many blocks somebody gets, and how many there are."""
    counts = [share.count for slot in census.slots for share in slot.blocks]
    return sum(1 for count in counts if count), len(counts)


def _exact_values(running: Pass) -> dict[str, object]:
    found = running.exact
    sources = shares(found.sources) if found else ()
    return {
        "running": running,
        "exact": found,
        "sources": sources,
        "items_shown": sum(share.count for share in sources),
    }
