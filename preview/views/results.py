"""Did it work: what came of each campaign, its experiments and holdouts, and what should worry somebody."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mailwright.errors import UsageError
from mailwright.experiments import read_promotions
from mailwright.insights import Insights, look_around
from mailwright.results import campaign_results, results_stamp, sent_campaigns
from measure import Results
from measure.export import as_csv, as_json
from preview.entry import Entry
from preview.views.context import campaign_of, desk_of, paper_of

DIMENSIONS = {
    "segment": "Segment",
    "block": "Block",
    "arm": "Arm",
    "source": "Recommended by",
    "position": "Position",
    "link": "Link",
    "trigger": "Trigger",
    "locale": "Language",
    "variant": "Variant",
    "occasion": "Occasion",
    "day": "Day",
}
"""What a campaign's figures may be split by, and how the page calls it."""

FUNNEL = ("sent", "delivered", "opened", "clicked", "converted")
IN_TIME = ("segment", "block", "arm", "locale")
"""Dimensions whose values are shown over time too, when the figures are split by them."""
PERIODS = 8
"""Days or weeks shown, the last ones; CSV and JSON have them all."""
ROWS = 40
"""Rows shown of a dimension; the CSV has them all."""


def overview(request: Request) -> Response:
    """Every campaign of which something was sent, and what should worry somebody."""
    workspace = desk_of(request).workspace()
    insights = _insights(request) if any(sent_campaigns(workspace)) else Insights((), ())
    boxes = [
        {"of": of, "name": name, "campaigns": sent_campaigns(workspace, rehearsal=of == "rehearsal")}
        for of, name in (("sent", "Sent"), ("rehearsal", "Rehearsed with the stub ESP"))
    ]
    return paper_of(request).page(request, "results.html", active="results", boxes=boxes, insights=insights)


def campaign(request: Request) -> Response:
    """The results of one campaign: experiments, lift, and its figures split by one thing at a time."""
    found = _results(request)
    data = as_json(found)
    asked = request.query_params.get("by", "")
    there = [name for name in DIMENSIONS if _worth(data["breakdown"].get(name, ()))]
    by = asked if asked in there else (there[0] if there else "")
    rows = data["breakdown"].get(by, [])
    promotions = read_promotions(desk_of(request).workspace())
    return paper_of(request).page(
        request,
        "result.html",
        active="results",
        campaign=campaign_of(request),
        data=data,
        totals=data["totals"],
        funnel=FUNNEL,
        rehearsal=request.query_params.get("of") == "rehearsal",
        by=by,
        dimensions={name: DIMENSIONS[name] for name in there},
        rows=rows[:ROWS],
        more=max(0, len(rows) - ROWS),
        widest=max((row["clicked_high"] or 0 for row in rows[:ROWS]), default=0),
        over_time=_over_time(data["over_time"], by if by in IN_TIME else "segment"),
        promoted={(one.experiment, one.version): one.arm for one in promotions},
        query=_query(request),
    )


def campaign_json(request: Request) -> Response:
    """The results as ``mailwright results --json`` prints them."""
    data = orjson.dumps(as_json(_results(request)), default=str, option=orjson.OPT_INDENT_2)
    return Response(data, media_type="application/json")


def campaign_csv(request: Request) -> Response:
    """Every figure of every dimension, for a spreadsheet."""
    return _attached(as_csv(_results(request).breakdown), f"{campaign_of(request)}-results.csv")


def over_time_csv(request: Request) -> Response:
    """The figures of every segment, block, arm and locale by days or weeks, for a spreadsheet."""
    found = _results(request).over_time
    assert found is not None  # campaign_results asks for it
    return _attached(as_csv(found.table), f"{campaign_of(request)}-over-time.csv")


def alerts_json(request: Request) -> Response:
    """The alerts and proposals of the page, for other programs."""
    found = _insights(request)
    return JSONResponse(
        {
            "alerts": [{"kind": one.kind, "text": one.text} for one in found.alerts],
            "proposals": [{"kind": one.kind, "text": one.text} for one in found.proposals],
        }
    )


def _results(request: Request) -> Results:
    ground = desk_of(request).ground()
    name = campaign_of(request)
    if name not in ground.workspace.campaign_files:
        raise UsageError(f"there is no campaign {name!r}")
    query = request.query_params
    occasion, rehearsal = query.get("occasion") or None, query.get("of") == "rehearsal"
    asked = (name, occasion, rehearsal, query.get("simulate") == "1")
    stamp = results_stamp(ground.workspace, rehearsal=rehearsal)
    kept: dict[Any, tuple[Hashable, Results]] = ground.memo.setdefault("results", {})
    if asked not in kept or kept[asked][0] != stamp:
        found = campaign_results(
            ground.workspace,
            name,
            now=ground.now,
            occasion=occasion,
            rehearsal=rehearsal,
            simulate=asked[-1],
            audience=ground.source.audience,
        )
        kept[asked] = stamp, found
    return kept[asked][1]


def _over_time(found: Mapping[str, Any], dimension: str) -> Mapping[str, Any] | None:
    """The click rate of everyone and of each value of the dimension by period, and as points of a line in a
    picture of 100 by 20; None where all was sent in one period."""
    periods = sorted({row["period"] for row in found["rows"].get("all", ())})[-PERIODS:]
    if len(periods) < 2:
        return None
    lines: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    for kind in ("all", dimension):
        for row in found["rows"].get(kind, ()):
            if kind == "all" or row["value"] is not None:
                lines.setdefault((row["name"], row["value"]), {})[row["period"]] = row
    some = list(lines.items())[:ROWS]
    rows: list[dict[str, Any]] = [
        {"name": name, "value": value, "cells": [by.get(one) for one in periods]}
        for (name, value), by in some
    ]
    rates = [cell["clicked_rate"] for row in rows for cell in row["cells"] if cell is not None]
    most = max((rate for rate in rates if rate is not None), default=0.0) or 1.0
    for row in rows:
        row["points"] = " ".join(
            f"{100 * place / (len(periods) - 1):.1f},{19 - 18 * cell['clicked_rate'] / most:.1f}"
            for place, cell in enumerate(row["cells"])
            if cell is not None and cell["clicked_rate"] is not None
        )
    name = {1: "day", 7: "week"}.get(found["days"], f"{found['days']} days")
    return {"dimension": DIMENSIONS[dimension].lower(), "name": name, "periods": periods, "rows": rows}


def _attached(text: str, name: str) -> Response:
    """A CSV to be saved under the name."""
    safe = name.encode("ascii", "replace").decode().replace('"', "")
    headers = {"content-disposition": f'attachment; filename="{safe}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _insights(request: Request) -> Insights:
    ground = desk_of(request).ground()
    return look_around(
        ground.workspace,
        now=ground.now,
        audience=ground.source.audience,
        members=ground.segmentation.columns,
    )


def _worth(rows: Any) -> bool:
    """Whether a dimension says more than the whole does."""
    named = [row for row in rows if row["value"] is not None]
    return len(named) > 1 or bool(named and named[0]["name"] is not None)


def _query(request: Request) -> Mapping[str, str]:
    """What of the address says which results these are."""
    kept = ("of", "occasion", "simulate")
    return {name: request.query_params[name] for name in kept if request.query_params.get(name)}


ENTRY = Entry("results", "/results", "Results", place=65)
ROUTES = [
    Route("/results", overview),
    Route("/results.json", alerts_json),
    Route("/results/{campaign}.json", campaign_json),
    Route("/results/{campaign}.csv", campaign_csv),
    Route("/results/{campaign}/over-time.csv", over_time_csv),
    Route("/results/{campaign}", campaign),
]
