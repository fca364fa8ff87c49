"""Test mails, and the approval of a campaign."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwright.errors import MailwrightError, UsageError
from mailwright.review import approval_of, approvals, approve, read_review
from preview.mail import make_mail
from preview.testsend import send_test
from preview.views.campaigns import proofs
from preview.views.context import campaign_of, census_of, desk_of, form, paper_of, view_of


def page(request: Request, *, said: str = "", error: MailwrightError | None = None) -> Response:
    """Who approved what, whether it still holds, and the two forms."""
    view = view_of(request)
    workspace = view.plan.request.workspace
    review = read_review(workspace)
    given = approvals(workspace, campaign_of(request))
    return paper_of(request).page(
        request,
        "approval.html",
        status=200 if error is None else 422,
        active="campaigns",
        campaign=campaign_of(request),
        census=census_of(view),
        holds=approval_of(view.plan),
        given=given,
        review=review,
        sheet=proofs(request, view),
        fingerprint=view.plan.fingerprint,
        occasion=view.plan.request.occasion,
        said=said,
        problem=error,
        error=view.error,
    )


def _approve(request: Request, given: FormData) -> Response:
    """Take somebody's word for the campaign as it stands now."""
    try:
        view = view_of(request)
        if view.error is not None:
            raise UsageError("a file does not work yet: there is nothing to approve", fix="mend it first")
        if given.get("fingerprint") != view.plan.fingerprint:
            raise UsageError(
                "the campaign has changed since this page was loaded", fix="look at it again, then approve it"
            )
        approval = approve(view.plan, str(given.get("token", "")))
    except MailwrightError as error:
        return page(request, error=error)
    return page(request, said=f"approved by {approval.by}")


def _test(request: Request, given: FormData) -> Response:
    """Send one mail to an address on the list."""
    try:
        if desk_of(request).settings.mask:
            raise UsageError("test mails are off while personal data is masked")
        view = view_of(request)
        message = make_mail(view.plan, str(given.get("id", ""))).message()
        said = send_test(view.plan.request, message, str(given.get("address", "")).strip())
    except MailwrightError as error:
        return page(request, error=error)
    return page(request, said=said)


ROUTES = [
    Route("/c/{campaign}/approval", page),
    Route("/c/{campaign}/approve", form(_approve), methods=["POST"]),
    Route("/c/{campaign}/test", form(_test), methods=["POST"]),
]
