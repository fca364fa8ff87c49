"""Two mails side by side with their differences: two profiles, or one as templates were before."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mailwright.engine import Plan
from mailwright.errors import MailwrightError, UsageError
from mailwright.model.trace import Trace
from preview.compare import differing_slots, differing_words
from preview.desk import View
from preview.display import for_display
from preview.finder import Among, some
from preview.guard import mail_policy
from preview.mail import Mail, make_mail
from preview.marked import marked_html
from preview.person import name_of
from preview.revision import commit_of, plan_at
from preview.views.context import address, campaign_of, desk_of, look_of, paper_of, view_of


def compare(request: Request) -> Response:
    """The page: ``a`` and ``b`` are profiles; ``rev`` shows ``a`` beside itself at a git revision."""
    view = view_of(request)
    asked = request.query_params
    first = asked.get("a") or some(view.plan, Among(), seed=1)
    if first is None:
        raise UsageError("nobody gets this campaign: there is nothing to compare")
    revision = asked.get("rev", "").strip()
    second = first if revision else asked.get("b") or some(view.plan, Among(), seed=2) or first
    left = _side(request, view, first, "")
    right = _side(request, view, second, revision)
    return paper_of(request).page(
        request,
        "compare.html",
        active="campaigns",
        campaign=campaign_of(request),
        sides=(left, right),
        revision=revision,
        slots=differing_slots(left["trace"], right["trace"]),
        words=differing_words(left["text"], right["text"]),
        same=left["bytes"] == right["bytes"],
        error=view.error,
    )


def frame(request: Request) -> Response:
    """One side's mail in its frame."""
    view = view_of(request)
    made = _made(request, view, request.query_params.get("id", ""), request.query_params.get("rev", ""))
    html = marked_html(made.plan, made.row) or b"<p>There is no mail for this profile.</p>"
    shown = for_display(html, view.ground.source.assets, look_of(request))
    return HTMLResponse(shown, headers={"content-security-policy": mail_policy()})


def _side(request: Request, view: View, profile_id: str, revision: str) -> dict[str, Any]:
    made = _made(request, view, profile_id, revision)
    result = made.made
    trace: Trace | None
    try:
        trace = made.trace()
    except MailwrightError:
        trace = None
    return {
        "profile_id": profile_id,
        "name": name_of(made.values),
        "label": f"at {revision}" if revision else "now",
        "subject": result["subject"] or "",
        "text": "\n".join((result["subject"] or "", result["preheader"] or "", "", result["text"] or "")),
        "bytes": result["html"],
        "trace": trace,
        "src": address(f"/c/{campaign_of(request)}/compare/frame", id=profile_id, rev=revision or None),
    }


def _made(request: Request, view: View, profile_id: str, revision: str) -> Mail:
    mask = desk_of(request).settings.mask
    if not revision:
        return make_mail(view.plan, profile_id, mask=mask)
    return make_mail(_plan_at(view, revision), profile_id, settled=False, mask=mask)


def _plan_at(view: View, revision: str) -> Plan:
    """Compiled once for each commit while the plan stands."""
    commit = commit_of(view.plan.request.workspace.root.resolve(), revision)
    key = f"revision {commit}"
    if key not in view.memo:
        view.memo[key] = plan_at(view.plan, commit)
    plan: Plan = view.memo[key]
    return plan


ROUTES = [
    Route("/c/{campaign}/compare", compare),
    Route("/c/{campaign}/compare/frame", frame),
]
