"""Recommendations: what a profile did, beside what it is recommended and why; and items like an item."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailwright.errors import UsageError, did_you_mean
from mailwright.explain import row_among
from mailwright.models import tuned_spec
from preview.display import with_own_pictures
from preview.entry import Entry
from preview.ground import Ground
from preview.person import name_of, shown_values
from preview.views.context import desk_of, paper_of
from recommend import recommend_items
from recommend.embedding import without_embeddings

SHOWN = 12
HISTORY = 20


def recommendations(request: Request) -> Response:
    """History and recommendations of one profile; somebody with a history where nobody is named."""
    ground = desk_of(request).ground()
    profiles = ground.source.audience.profiles
    asked = request.query_params.get("id", "").strip()
    row, problem = None, None
    try:
        row = _named(profiles, asked) if asked else _somebody(profiles)
    except UsageError as error:
        problem = error
    values = profiles.slice(row, 1).to_pylist()[0] if row is not None else None
    shown: dict[str, Any] = {"name": "", "history": (), "items": (), "note": "", "profile_id": ""}
    if values is not None and row is not None:
        mask = desk_of(request).settings.mask
        items, note = _recommended(ground, row, "for_you", None)
        shown = {
            "name": name_of(shown_values(values, ground.workspace.spec, mask=mask)),
            "profile_id": values["profile_id"],
            "history": _history(ground, values["profile_id"]),
            "items": items,
            "note": note,
        }
    return paper_of(request).page(
        request,
        "recommendations.html",
        status=200 if problem is None else 404,
        active="recommendations",
        model=ground.model.info,
        asked=shown["profile_id"] or asked,
        problem=problem,
        **shown,
    )


def item(request: Request) -> Response:
    """One item, and those like it."""
    ground = desk_of(request).ground()
    item_id = request.query_params.get("id", "")
    items = ground.source.audience.items
    place = pc.index(items["item_id"], item_id).as_py()
    if place < 0:
        raise UsageError(
            f"there is no item {item_id!r}", fix=did_you_mean(item_id, items["item_id"].to_pylist())
        )
    alike: list[dict[str, Any]] = []
    if ground.source.audience.profiles.num_rows:
        alike, _ = _recommended(ground, 0, "similar", [item_id])
    return paper_of(request).page(
        request,
        "item.html",
        active="recommendations",
        item=_item(ground, item_id),
        facts=list(without_embeddings(items.slice(place, 1)).to_pylist()[0].items()),
        alike=[one for one in alike if one["source"] == "similar"] or alike,
    )


def _named(profiles: pa.Table, asked: str) -> int:
    """The profile of an id, or of an e-mail address in large or small letters. Raises UsageError for none."""
    if "@" in asked:
        found = int(pc.index(pc.utf8_lower(profiles["email"]), asked.lower()).as_py())
        if found >= 0:
            return found
    return row_among(profiles["profile_id"], asked)


def _somebody(profiles: pa.Table) -> int | None:
    """The profile with the most orders: there is most to see."""
    if not profiles.num_rows:
        return None
    orders = profiles["purchases"].to_numpy()
    return int(orders.argmax())


def _recommended(
    ground: Ground, row: int, strategy: str, to: list[str] | None
) -> tuple[list[dict[str, Any]], str]:
    audience = ground.source.audience
    found = recommend_items(
        ground.model,
        audience.profiles,
        audience.interactions,
        audience.items,
        tuned_spec(ground.workspace.spec.recommend, ground.model),
        n=SHOWN,
        now=ground.now,
        segments=ground.segmentation.columns,
        only=[row],
        strategy=strategy,
        to=None
        if to is None
        else [to if place == row else [] for place in range(audience.profiles.num_rows)],
    )
    shown = [
        {**_item(ground, one.item_id), "source": one.source, "reason": one.reason, "score": one.score}
        for one in found.row(0)
    ]
    return shown, found.note(0)


def _history(ground: Ground, profile_id: str) -> list[dict[str, Any]]:
    """What the profile did last, newest first; the same event with the same item on one day is one line."""
    interactions = ground.source.audience.interactions
    mine = interactions.filter(pc.equal(interactions["profile_id"], profile_id)).to_pylist()
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for event in sorted(mine, key=lambda event: event["at"], reverse=True):
        key = (event["at"].date(), event["event"], event["item_id"])
        if key in lines:
            lines[key]["times"] += 1
        elif len(lines) < HISTORY:
            lines[key] = {"at": event["at"], "event": event["event"], "times": 1} | _item(
                ground, event["item_id"]
            )
    return list(lines.values())


def _item(ground: Ground, item_id: str | None) -> dict[str, Any]:
    items = ground.source.audience.items
    place = pc.index(items["item_id"], item_id).as_py() if item_id is not None else -1
    if place < 0:
        return {"item_id": item_id, "title": item_id or "", "picture": "", "category": ""}
    values = items.slice(place, 1).to_pylist()[0]
    quoted = f'"{values.get("image") or ""}"'.encode()
    picture = with_own_pictures(quoted, ground.source.assets).decode()[1:-1]
    return {
        "item_id": item_id,
        "title": values["title"],
        "category": values.get("category") or "",
        "picture": picture if picture.startswith("/assets/") else "",
    }


ENTRY = Entry("recommendations", "/recommendations", "Recommendations", place=30)
ROUTES = [
    Route("/recommendations", recommendations),
    Route("/recommendations/item", item),
]
