# ruff: noqa: E501 the template reads better in whole lines
"""The reference newsletter of the benchmarks: three conditional slots, six product cards out of 1,000 items with a
link each that differs per recipient, about 36 KB of HTML; and the people who get it."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from mailwright.catalog import RECOMMENDATIONS
from mailwright.errors import Location
from mailwright.model.campaign import CampaignSpec
from mailwright.model.links import LinkSigner
from mailwright.model.schema import ITEM_ATTRIBUTES, PROFILE_ATTRIBUTES
from mailwright.model.workspace import WorkspaceSpec
from render import CompiledCampaign, RenderContext, choose_blocks, compile_campaign, load_library
from rules import RuleCatalog

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ITEMS = 1_000

TEMPLATE = """<mjml lang="en"><mj-head><mj-title>{{ subject }}</mj-title><mj-preview>{{ preheader }}</mj-preview>
<mj-attributes><mj-all font-family="Helvetica, Arial, sans-serif" /><mj-text color="#24302c" line-height="24px" /></mj-attributes>
<mj-style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
.ink a { color: #24302c; text-decoration: none } .ink div { letter-spacing: -0.2px } a { text-decoration: none }
.muted div, .muted a { color: #5f6c66 } .surface { background: #ffffff } .button a { border-radius: 6px } img { display: block }
.card div { color: #24302c } .card .small { font-size: 14px } .rule p { border-top-color: #dcd9cd } p { margin: 0 0 12px }
@media only screen and (max-width: 479px) { .h1 div { font-size: 29px !important; line-height: 35px !important }
.surface > table > tbody > tr > td { padding-left: 20px !important; padding-right: 20px !important }
.button table { width: 100% !important } .stack-gap { padding-top: 20px !important } }
@media (prefers-color-scheme: dark) { body, .page { background: #121816 !important } .surface { background: #1b2421 !important }
.ink div, .ink a { color: #eef1ec !important } .muted div, .muted a { color: #a9b5af !important }
.button td, .button a { background: #9ad3c1 !important; color: #10231e !important } .rule p { border-top-color: #36433e !important } }
[data-ogsc] .ink div, [data-ogsc] .ink a { color: #eef1ec !important } [data-ogsb] .surface { background: #1b2421 !important }
</mj-style>
</mj-head><mj-body background-color="#f3f1ea">
<mj-section><mj-column><mj-text css-class="ink" font-size="22px"><a href="https://shop.example/?r={{ profile_id }}">{{ brand.name }}</a></mj-text></mj-column></mj-section>
{% slot "hero" %}{% slot "offer" %}{% slot "picks" %}
<mj-section><mj-column><mj-text font-size="13px">You get this because you asked for it. <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text></mj-column></mj-section>
</mj-body></mjml>"""
SECTION = (
    '<mj-section css-class="surface" background-color="#ffffff" padding="40px 32px"><mj-column><mj-text css-class="ink h1" font-size="30px">{}</mj-text>'
    '<mj-text>{}</mj-text><mj-button css-class="button" background-color="#1f4d43" href="https://shop.example/{}?r={{{{ profile_id }}}}">{}</mj-button></mj-column></mj-section>'
)
CARD = """<mj-image src="{{ item.image }}" alt="{{ item.title }}" href="https://shop.example/p/{{ item.item_id }}?r={{ profile_id }}" border-radius="8px" padding="0 0 12px" />
<mj-text css-class="ink" font-weight="700" padding="0 0 4px"><a href="https://shop.example/p/{{ item.item_id }}?r={{ profile_id }}">{{ item.title }}</a></mj-text>
<mj-text font-size="14px" padding="0 0 4px">{{ item.price_text }}{% if item.description %} · {{ item.description }}{% endif %}</mj-text>
<mj-text css-class="muted" font-size="13px" color="#5f6c66" padding="0 0 8px">{{ item.reason }}</mj-text>"""
PICKS = """---
slot: picks
---
<mj-section css-class="surface" background-color="#ffffff"><mj-column><mj-text font-size="24px">Chosen for you</mj-text></mj-column></mj-section>
{% for pair in recommendations | batch(2) %}<mj-section css-class="surface" background-color="#ffffff" padding="0 24px 24px"><mj-group>
<mj-column width="50%" padding="0 8px">{% card pair[0] %}</mj-column><mj-column width="50%" padding="0 8px">{% card pair[1] %}</mj-column>
</mj-group></mj-section>{% endfor %}"""
BLOCKS = {
    "cards/product": CARD,
    "hero/vip": "---\nslot: hero\npriority: 10\nwhen: segment('vip')\n---\n"
    + SECTION.format(
        "Dear {{ first_name or 'friend' }}, first look", "You have {{ points }} points.", "vip", "Come in"
    ),
    "hero/plain": "---\nslot: hero\n---\n"
    + SECTION.format(
        "Hello {{ first_name or 'there' }}", "New things for the winter. " * 8, "new", "See what is new"
    ),
    "offer/points": "---\nslot: offer\npriority: 10\nwhen: points >= 500\n---\n"
    + SECTION.format(
        "{{ points }} points are waiting", "Use them before the year ends. " * 6, "points", "Use them"
    ),
    "offer/none": "---\nslot: offer\n---\n"
    + SECTION.format("Free delivery", "This week, from any amount. " * 6, "delivery", "Shop"),
    "picks/grid": PICKS,
}


def compiled_newsletter() -> tuple[CompiledCampaign, WorkspaceSpec]:
    """The reference newsletter, compiled."""
    settings = WorkspaceSpec.model_validate(
        {
            "name": "Bench",
            "sender": {"name": "Bench", "email": "bench@shop.example"},
            "data": {"profiles": {"path": "profiles.csv"}},
            "profile": {"first_name": {"type": "string"}, "points": {"type": "integer", "default": 0}},
            "item": {"price_text": {"type": "string"}},
            "brand": {"name": "Fjord &amp; Field"},
        }
    )
    catalog = RuleCatalog(
        attributes={**PROFILE_ATTRIBUTES, **settings.profile, "recommendations": RECOMMENDATIONS},
        segments=frozenset({"vip"}),
    )
    spec = CampaignSpec(
        template="t",
        subject="{{ first_name | fallback('Hello') }}, six things for you",
        preheader="Chosen by what you liked, this week.",
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {
            "templates/t/template": TEMPLATE,
            **{f"blocks/{n}": t for n, t in BLOCKS.items()},
        }.items():
            path = Path(folder) / f"{name}.mjml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        library = load_library(Path(folder))
    compiled = compile_campaign(
        "bench",
        spec,
        library=library,
        settings=settings,
        catalog=catalog,
        asset=str,
        at=lambda _: Location("campaigns/bench.yaml", 1, 1),
    )
    return compiled, settings


def catalogue() -> pa.Table:
    """A thousand items; their prices are written out, so that no way needs a filter of ours."""
    rows = [
        {
            "item_id": f"it-{n:04}",
            "title": f"Wool cap no. {n} “{'warm' if n % 3 else 'light'}” & co",
            "description": f"Knitted in batch {n % 17}" if n % 4 else None,
            "price_text": f"€{10 + n % 90}.00",
            "image": f"https://img.shop.example/{n:04}.jpg",
            "currency": "EUR",
            "price": 10.0 + n % 90,
            "in_stock": True,
        }
        for n in range(ITEMS)
    ]
    return pa.Table.from_pylist([{**dict.fromkeys(ITEM_ATTRIBUTES), **row} for row in rows])


def audience(start: int, stop: int) -> pa.Table:
    """Profiles ``start`` to ``stop``; what they are follows from their number."""
    names = ["Ada", "Zoë", "O'Neil", "<b>Bob</b>", "李", None, "Kari", "Per & Pål"]
    reasons = ["Because you bought a cap", "Many like it", "Similar to what you viewed"]
    rows = []
    for n in range(start, stop):
        seed = (n * 2654435761) % 2**32
        rows.append(
            {
                "profile_id": f"p-{n:07}",
                "locale": "en",
                "first_name": names[seed % 8],
                "points": seed % 1000,
                "segment:vip": seed % 5 == 0,
                "recommendation_note": "",
                "recommendations": [
                    {
                        # squared: a few items are shown often, most rarely
                        "item_id": f"it-{int(((seed >> 3) * (k + 7919) % 10007 / 10007) ** 2 * ITEMS):04}",
                        "source": "collaborative",
                        "score": 1.0 - k / 10,
                        "reason": reasons[(seed + k) % 3],
                    }
                    for k in range(6)
                ],
            }
        )
    return pa.Table.from_pylist(rows)


def chosen(compiled: CompiledCampaign, frame: pa.Table) -> pa.Table:
    """The frame with the blocks chosen."""
    columns = choose_blocks(compiled, frame, now=NOW).columns
    for name in columns.column_names:
        frame = frame.append_column(name, columns[name])
    return frame


def run_context(settings: WorkspaceSpec) -> RenderContext:
    """What the mails share."""
    return RenderContext(
        campaign="bench",
        occasion="once",
        now=NOW,
        fingerprint="bench",
        signer=LinkSigner("https://mail.shop.example", b"k" * 32),
        items=catalogue(),
        settings=settings,
    )
