"""From one mail to another: the next recipient, any one, or whoever is looked for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from preview.finder import FOUND_AT_MOST, find, searched, some, step
from preview.person import name_of, shown_values
from preview.views.context import LOOKS, address, among_of, campaign_of, desk_of, paper_of, view_of


def next_mail(request: Request) -> Response:
    """On to the next (or previous) recipient of those that are looked among."""
    asked = request.query_params
    view = view_of(request)
    found = step(view.plan, among_of(request), asked.get("after"), back="back" in asked)
    return _go(request, found)


def random_mail(request: Request) -> Response:
    """On to any recipient."""
    view = view_of(request)
    return _go(request, some(view.plan, among_of(request)))


def find_mail(request: Request) -> Response:
    """Profiles by e-mail, name or id: a page, or the list alone while somebody types."""
    view = view_of(request)
    typed = request.query_params.get("q", "").strip()[:200]
    everyone = "everyone" in request.query_params
    spec = view.plan.request.workspace.spec
    mask = desk_of(request).settings.mask
    found = []
    for profile in find(view.plan, typed, everyone=everyone):
        values = shown_values(profile.values, spec, mask=mask)
        found.append(
            {
                "profile_id": profile.profile_id,
                "name": name_of(values),
                "detail": " · ".join(
                    str(values[name]) for name in ("email", "profile_id") if values.get(name)
                ),
                "reason": profile.reason,
            }
        )
    page = "_found.html" if "piece" in request.query_params else "find.html"
    return paper_of(request).page(
        request,
        page,
        campaign=campaign_of(request),
        typed=typed,
        found=found,
        everyone=everyone,
        most=FOUND_AT_MOST,
        searched=searched(view.plan),
        active="campaigns",
    )


def _go(request: Request, found: str | None) -> Response:
    base = f"/c/{campaign_of(request)}"
    among = among_of(request)
    if found is None:
        return paper_of(request).page(
            request, "nobody.html", campaign=campaign_of(request), among=among, active="campaigns"
        )
    kept = {name: request.query_params.get(name) for name in LOOKS}
    return RedirectResponse(address(f"{base}/mail", id=found, **among.query, **kept), status_code=303)


ROUTES = [
    Route("/c/{campaign}/next", next_mail),
    Route("/c/{campaign}/random", random_mail),
    Route("/c/{campaign}/find", find_mail),
]
