"""The what-if form: what it shows, and how what was typed becomes an address that can be shared."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from audience import FEATURES
from mailwright.catalog import profile_schema
from mailwright.explain import row_of
from mailwright.model.schema import Attribute
from preview.changes import FIXED, PREFIX, Changes, read_changes
from preview.ground import Ground
from preview.mail import Mail
from preview.typed import text_of
from preview.views.context import campaign_of, view_of

FIELD = "f."


def what_if(request: Request) -> Response:
    """Only what differs from the profile as it is goes into the address. Raises UsageError for bad values."""
    view = view_of(request)
    asked = request.query_params
    profile_id = asked.get("id", "")
    now = view.plan.request.now
    real = view.plan.everyone.slice(row_of(view.plan, profile_id), 1).to_pylist()[0]
    pairs = [(name, asked[name]) for name in ("id", "segment", "slot", "block") if asked.get(name)]
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
    read_changes(pairs, view.ground)  # a value that cannot be is said now, with its fix
    return RedirectResponse(f"/c/{campaign_of(request)}/mail?{urlencode(pairs)}", status_code=303)


def form_values(ground: Ground, made: Mail, changes: Changes) -> dict[str, Any]:
    """What the form shows: the profile as it is imagined, what was changed marked."""
    schema = profile_schema(ground.workspace.spec)
    values = made.values
    fields = [
        _field(name, attribute, values.get(name), changed=name in changes.attributes)
        for name, attribute in schema.items()
        if name not in FIXED and name in values
    ]
    return {
        "whatif": bool(changes),
        "fields": fields,
        "computed_changed": any(field["computed"] and field["changed"] for field in fields),
        "clock": text_of(made.plan.request.now),
        "clock_changed": changes.now is not None,
        "happened": "\n".join(happened.text for happened in changes.events),
        "forget": changes.forget,
        "tested": {name: tuple(spec.arms) for name, spec in made.plan.compiled.experiments.items()},
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
