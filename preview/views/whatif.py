"""The what-if form: what it shows, and how what was typed becomes an address that can be shared."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from audience import FEATURES
from mailwright.catalog import profile_schema
from mailwright.engine import Plan
from mailwright.errors import MailwrightError
from mailwright.explain import row_of
from mailwright.model.schema import Attribute
from preview.changes import FIXED, PREFIX, Changes, problems_of, read_changes
from preview.desk import View
from preview.ground import Ground
from preview.typed import text_of
from preview.views.context import among_of, campaign_of, desk_of, paper_of, view_of

FIELD = "f."


def what_if(request: Request) -> Response:
    """Only what differs from the profile as it is goes into the address.

    What cannot be is said at its field, and the mail stays; a browser without scripts gets a page of it.
    """
    view = view_of(request)
    asked = request.query_params
    profile_id = asked.get("id", "")
    now = view.plan.request.now
    real = view.plan.everyone.slice(row_of(view.plan, profile_id), 1).to_pylist()[0]
    kept = [(name, asked[name]) for name in ("id", "segment", "slot", "block") if asked.get(name)]
    pairs: list[tuple[str, str]] = []
    for name in profile_schema(view.plan.request.workspace.spec):
        typed = asked.get(FIELD + name)
        if typed is not None and typed.strip() != text_of(real.get(name)):
            pairs.append((PREFIX + name, typed.strip()))
    if asked.get("event", "").strip():
        pairs.append(("event", asked["event"].strip()))
    if asked.get("forget") == "1":
        pairs.append(("forget", "1"))
    if asked.get("now", "").strip() not in ("", text_of(now)):
        pairs.append(("now", asked["now"].strip()))
    problems = problems_of(pairs, view.ground)
    in_place = "hx-request" in request.headers
    if problems and in_place:
        return _refused(request, view, real, dict(pairs), problems)
    read_changes(pairs, view.ground)
    there = f"/c/{campaign_of(request)}/mail?{urlencode(kept + pairs)}"
    return Response(headers={"hx-redirect": there}) if in_place else RedirectResponse(there, status_code=303)


def without_what_cannot_be(request: Request, view: View) -> tuple[Request, list[MailwrightError]]:
    """The request of a link without the changes that cannot be (an item that has left the catalogue since),
    and what is wrong with them."""
    pairs = request.query_params.multi_items()
    wrong = problems_of(pairs, view.ground)
    if not wrong or desk_of(request).settings.mask:
        return request, []
    kept = urlencode([pair for pair in pairs if pair[0] not in wrong])
    scope = {**request.scope, "query_string": kept.encode()}
    return Request(scope, request.receive), list(wrong.values())


def _refused(
    request: Request,
    view: View,
    real: Mapping[str, Any],
    typed: Mapping[str, str],
    problems: Mapping[str, MailwrightError],
) -> Response:
    """The form as it was typed, with what is wrong at each field."""
    good = read_changes([pair for pair in typed.items() if pair[0] not in problems], view.ground)
    shown = form_values(view.ground, view.plan, real, good, typed=typed, problems=problems)
    who = {"campaign": campaign_of(request), "profile_id": real["profile_id"], "among": among_of(request)}
    return paper_of(request).page(request, "_whatif.html", masked_name=False, made=None, **who, **shown)


def form_values(
    ground: Ground,
    plan: Plan,
    values: Mapping[str, Any],
    changes: Changes,
    *,
    typed: Mapping[str, str] = MappingProxyType({}),
    problems: Mapping[str, MailwrightError] = MappingProxyType({}),
) -> dict[str, Any]:
    """What the form shows: the profile as it is imagined, what was changed marked; in place of that what was
    ``typed``, with its ``problems``, both by their names in an address."""
    schema = profile_schema(ground.workspace.spec)
    changed = {PREFIX + name for name in changes.attributes} | typed.keys()
    fields = [
        _field(name, attribute, values.get(name), changed=PREFIX + name in changed)
        | ({"text": typed[PREFIX + name]} if PREFIX + name in typed else {})
        for name, attribute in schema.items()
        if name not in FIXED and name in values
    ]
    return {
        "whatif": bool(changes),
        "fields": fields,
        "computed_changed": any(field["computed"] and field["changed"] for field in fields),
        "problems": problems,
        "clock": typed.get("now") or text_of(plan.request.now),
        "clock_changed": changes.now is not None or "now" in typed,
        "happened": typed.get("event") or "\n".join(happened.text for happened in changes.events),
        "forget": changes.forget,
        "tested": {name: tuple(spec.arms) for name, spec in plan.compiled.experiments.items()},
    }


def _field(name: str, attribute: Attribute, value: Any, *, changed: bool) -> dict[str, Any]:
    choices = ["yes", "no"] if attribute.type == "boolean" else [str(one) for one in attribute.allowed or ()]
    return {
        "name": name,
        "type": attribute.type,
        "description": attribute.description,
        "text": text_of(value),
        "choices": choices,
        "computed": name in FEATURES,
        "changed": changed,
    }


ROUTES = [
    Route("/c/{campaign}/whatif", what_if),
]
