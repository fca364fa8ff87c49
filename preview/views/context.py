"""What every page needs of a request."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from preview.census import Census, take_census
from preview.desk import Desk, View
from preview.display import WIDTHS, Look
from preview.finder import Among
from preview.fullpass import FullPasses
from preview.paper import Paper
from preview.work import Work

T = TypeVar("T")

LOOKS = ("view", "width", "scheme", "pictures")
"""Settings of a mail's page that stay when somebody goes on to the next."""
PATIENCE_S = 0.8
"""How long a page waits for a plan before it shows the progress instead."""


def desk_of(request: Request) -> Desk:
    found: Desk = request.app.state.desk
    return found


def paper_of(request: Request) -> Paper:
    found: Paper = request.app.state.paper
    return found


def passes_of(request: Request) -> FullPasses:
    found: FullPasses = request.app.state.passes
    return found


def campaign_of(request: Request) -> str:
    return str(request.path_params["campaign"])


class NotYetShownError(Exception):
    """A page would keep its reader waiting: how far the ``work`` is can be shown instead."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work


def view_of(request: Request, *, exact: bool = True) -> View:
    """The campaign that the address names, as it stands now.

    Raises NotYetShownError when it is not there within a moment and somebody opens a page that asks for it.
    """
    if exact and _is_page(request):
        found = view_or_work(request)
        if isinstance(found, Work):
            raise NotYetShownError(found)
        return found
    return desk_of(request).view(campaign_of(request), exact=exact)


def _is_page(request: Request) -> bool:
    """Whether a browser opens it as a page, not as a frame or a piece of one."""
    headers = request.headers
    opened = headers.get("sec-fetch-dest", "document") == "document"
    return request.method == "GET" and opened and "text/html" in headers.get("accept", "")


def view_or_work(request: Request, campaign: str | None = None, *, outline: bool = False) -> View | Work:
    """The campaign's view when it is there within a moment, else how far the work on it is; as soon as the
    outline is there when the ``outline`` will do."""
    future, work = desk_of(request).begin(campaign or campaign_of(request))
    enough: set[Future[Any]] = {future, work.begun} if outline else {future}
    wait(enough, PATIENCE_S, FIRST_COMPLETED)
    return future.result() if future.done() else work


def census_of(view: View) -> Census:
    """Counted once for each plan."""
    if "census" not in view.memo:
        view.memo["census"] = take_census(view.plan)
    census: Census = view.memo["census"]
    return census


def among_of(request: Request) -> Among:
    """Whom to look among, from the address."""
    asked = request.query_params
    return Among(asked.get("segment") or None, asked.get("slot") or None, asked.get("block") or None)


def look_of(request: Request) -> Look:
    """How the mail is to be shown, from the address."""
    asked = request.query_params
    width = asked.get("width", "")
    pictures = asked.get("pictures", "on")
    return Look(
        width=int(width) if width.isdigit() and int(width) in WIDTHS else None,
        dark=asked.get("scheme") == "dark",
        pictures=pictures != "off",
        outside=pictures == "all",
    )


def address(path: str, **values: str | int | None) -> str:
    """A path with a query; what is None is left out."""
    query = urlencode({name: value for name, value in values.items() if value is not None})
    return f"{path}?{query}" if query else path


def form(answer: Callable[[Request, FormData], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A page that takes a form: it is only read when it carries this session's CSRF token."""

    async def guarded(request: Request) -> Response:
        given = await request.form(max_files=0, max_fields=500)
        token = request.headers.get("x-csrf-token") or given.get("csrf")
        expected = request.scope["state"]["csrf"]
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), expected.encode()):
            return PlainTextResponse("this form is too old: load the page again", status_code=403)
        return await run_in_threadpool(answer, request, given)

    return guarded
