"""A campaign made of strings: what tests of render compile and render."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from mailwright.catalog import RECOMMENDATIONS
from mailwright.errors import Location
from mailwright.model.campaign import CampaignSpec
from mailwright.model.links import LinkSigner
from mailwright.model.schema import ITEM_ATTRIBUTES, PROFILE_ATTRIBUTES, Attribute
from mailwright.model.workspace import WorkspaceSpec
from render import (
    CompiledCampaign,
    Library,
    RenderContext,
    choose_blocks,
    compile_campaign,
    load_library,
    render_batch,
)
from rules import RuleCatalog

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ATTRIBUTES = {
    **PROFILE_ATTRIBUTES,
    "first_name": Attribute(type="string"),
    "points": Attribute(type="integer", default=0),
    "colour": Attribute(type="string"),
    "website": Attribute(type="string"),
    "tags": Attribute(type="list", items=Attribute(type="string")),
    "cart": Attribute(
        type="object",
        fields={
            "items": Attribute(
                type="list", items=Attribute(type="object", fields={"title": Attribute(type="string")})
            )
        },
    ),
    "last_purchase_at": Attribute(type="timestamp"),
    "recommendations": RECOMMENDATIONS,
}
CATALOG = RuleCatalog(
    attributes=ATTRIBUTES,
    segments=frozenset({"vip"}),
    strategies=frozenset({"similar", "trending"}),
    item_paths=frozenset({"cart.items", "tags"}),
)
RECOMMENDED = pa.list_(
    pa.struct(
        [("item_id", pa.string()), ("source", pa.string()), ("score", pa.float64()), ("reason", pa.string())]
    )
)
FRAME = pa.schema(
    [
        ("profile_id", pa.string()),
        ("email", pa.string()),
        ("locale", pa.string()),
        ("first_name", pa.string()),
        ("points", pa.int64()),
        ("colour", pa.string()),
        ("website", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("cart", pa.struct([("items", pa.list_(pa.struct([("title", pa.string())])))])),
        ("last_purchase_at", pa.timestamp("us", "UTC")),
        ("segment:vip", pa.bool_()),
        ("recommendations", RECOMMENDED),
        ("recommendation_note", pa.string()),
    ]
)
ITEMS = pa.Table.from_pylist(
    [
        {
            "item_id": f"i{n}",
            "title": f"Cap <{n}> & co",
            "description": None,
            "category": "caps",
            "price": 10.0 + n,
            "currency": "EUR",
            "url": f"https://shop.example/p/{n}?a=1&b=2",
            "image": f"https://img.example/{n}.png",
            "in_stock": True,
            "added_at": NOW,
        }
        for n in range(12)
    ],
    schema=pa.schema(
        [
            (
                name,
                {"number": pa.float64(), "boolean": pa.bool_(), "timestamp": pa.timestamp("us", "UTC")}.get(
                    a.type, pa.string()
                ),
            )
            for name, a in ITEM_ATTRIBUTES.items()
        ]
    ),
)


def settings(**changes: Any) -> WorkspaceSpec:
    """A workspace's settings."""
    base = {
        "name": "Shop",
        "sender": {"name": "Shop", "email": "shop@shop.example"},
        "data": {"profiles": {"path": "p.csv"}},
        "profile": {
            "first_name": {"type": "string"},
            "points": {"type": "integer", "default": 0},
        },
        "brand": {
            "name": "Shop & Co",
            "colour": "#112233",
            "font": "'Helvetica Neue', Arial",
            "website": "https://shop.example",
        },
    }
    return WorkspaceSpec.model_validate({**base, **changes})


def mjml(body: str, *, head: str = "") -> str:
    """A whole template around body content."""
    return (
        "<mjml><mj-head><mj-title>{{ subject }}</mj-title><mj-preview>{{ preheader }}</mj-preview>"
        f"{head}</mj-head><mj-body>\n{body}\n</mj-body></mjml>"
    )


def text(content: str) -> str:
    """Content as one paragraph of a section."""
    return f"<mj-section><mj-column><mj-text>{content}</mj-text></mj-column></mj-section>"


def library(folder: Path, template: str, blocks: Mapping[str, str] | None = None, **strings: str) -> Library:
    """Files of a workspace, written and read. Block names may start with cards/ or partials/."""
    for name, content in {
        "templates/t/template": template,
        **{f"blocks/{n}": c for n, c in (blocks or {}).items()},
    }.items():
        path = folder / f"{name}.mjml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for locale, content in strings.items():
        path = folder / "strings" / f"{locale}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return load_library(folder)


def compiled(
    folder: Path,
    template: str,
    blocks: Mapping[str, str] | None = None,
    *,
    campaign: Mapping[str, Any] | None = None,
    strings: Mapping[str, str] | None = None,
    cache: Path | None = None,
    **changes: Any,
) -> CompiledCampaign:
    """A campaign over these files."""
    spec = CampaignSpec.model_validate(
        {"template": "t", "subject": "Hello", "preheader": "Good things", **(campaign or {})}
    )
    return compile_campaign(
        "spring",
        spec,
        library=library(folder, template, blocks, **(strings or {})),
        settings=settings(**changes),
        catalog=CATALOG,
        asset=lambda path: f"https://assets.example/{path}",
        at=lambda _: Location("campaigns/spring.yaml", 1, 1),
        cache=cache,
    )


def context(**changes: Any) -> RenderContext:
    """A run."""
    base: dict[str, Any] = {
        "campaign": "spring",
        "occasion": "2026",
        "now": NOW,
        "fingerprint": "f",
        "signer": LinkSigner("https://mail.example", b"k" * 32),
        "items": ITEMS,
        "settings": settings(),
    }
    return RenderContext(**{**base, **changes})


def recommended(*ids: str) -> list[dict[str, Any]]:
    """Recommendations of these items."""
    return [{"item_id": item, "source": "popular", "score": 1.0, "reason": "many like it"} for item in ids]


def frame(*profiles: Mapping[str, Any]) -> pa.Table:
    """Profiles as a frame; what is not given is missing."""
    rows = [{"profile_id": f"p{index}", **profile} for index, profile in enumerate(profiles)]
    return pa.Table.from_pylist([{name: row.get(name) for name in FRAME.names} for row in rows], schema=FRAME)


def chosen(campaign: CompiledCampaign, rows: pa.Table) -> pa.Table:
    """The frame with its blocks chosen."""
    columns = choose_blocks(campaign, rows, now=NOW).columns
    for name in columns.column_names:
        rows = rows.drop_columns([name]) if name in rows.column_names else rows
        rows = rows.append_column(name, columns[name])
    return rows


def render(
    campaign: CompiledCampaign, *profiles: Mapping[str, Any], run: RenderContext | None = None
) -> list[dict[str, Any]]:
    """The mails of these profiles, as mappings."""
    mails = []
    for batch in chosen(campaign, frame(*profiles)).to_batches():
        mails += render_batch(campaign, run or context(), batch).to_pylist()
    return mails


def only(campaign: CompiledCampaign, **profile: Any) -> str:
    """The HTML of one profile's mail."""
    (mail,) = render(campaign, profile)
    assert mail["status"] == "rendered", mail
    html: bytes = mail["html"]
    return html.decode("ascii")
