# ruff: noqa: E501 the template reads better in whole lines
"""How fast mails are made: ``python bench/render.py --json``.

The reference newsletter has three conditional slots, six product cards out of 1,000 items with a link each
that differs per recipient, and about 36 KB of HTML. One core, one run, output to bytes. Prints:

``emails_per_s``, ``us_per_email``, ``bytes_per_email``: the HTML stage, rows given as Python mappings;
``jinja_us``, ``minijinja_us``, ``naive_us``: the peers, given the same mappings: the same precompiled HTML
through sandboxed Jinja2 and through minijinja (to bytes), and Jinja → mjml-python → premailer per recipient;
``ratio_vs_jinja``, ``ratio_vs_minijinja``, ``ratio_vs_naive``; each way is timed ``ROUNDS`` times in turn,
in CPU seconds of this process, and its fastest round counts; ``equal``: all mails the same as Jinja2's and minijinja's, ``NAIVE`` of them
as parsed trees the same as the naive way's; ``full_us_per_email``: all of a mail: block choice, subject,
HTML, text, signed link, headers, trace, from Arrow to Arrow; ``peak_mb`` and ``peak_mb_10x``: the largest
memory of a process that renders the audience, and one ten times as large, streaming.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

# This file has the room's name; without this it would be imported in its place.
sys.path.remove(str(Path(__file__).resolve().parent))

import pyarrow as pa
from jinja2.sandbox import SandboxedEnvironment

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mailwright.errors import Location
from mailwright.model.campaign import CampaignSpec
from mailwright.model.links import LinkSigner
from mailwright.model.schema import ITEM_ATTRIBUTES, PROFILE_ATTRIBUTES, Attribute
from mailwright.model.workspace import WorkspaceSpec
from render import (
    CompiledCampaign,
    RenderContext,
    choose_blocks,
    compile_campaign,
    load_library,
    render_batch,
)
from render.batch import row_columns
from render.mail import Mail
from render.placed import Code
from render.program import Program, program
from render.rows import batch_rows
from render.slowly import SlowWay
from render.trees import difference
from rules import RuleCatalog

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
PROFILES, ITEMS, NAIVE, ROUNDS, BATCH = 20_000, 1_000, 200, 3, 5_000

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
    recommendations = Attribute(
        type="list", items=Attribute(type="object", fields={"item_id": Attribute(type="string")})
    )
    catalog = RuleCatalog(
        attributes={**PROFILE_ATTRIBUTES, **settings.profile, "recommendations": recommendations},
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


def rows_of(
    compiled: CompiledCampaign, context: RenderContext, frame: pa.Table, bound: Program
) -> list[dict[str, Any]]:
    """Completed rows: what every way of making the HTML is given."""
    rows = []
    for batch in frame.to_batches():
        for row in batch_rows(batch, row_columns(compiled), context.catalogue):
            bound.complete(row, context.signer.unsubscribe_url(row["profile_id"], "bench", "once"))
            row["subject"], row["preheader"] = "Six things for you", "Chosen by what you liked, this week."
            row["@mail"] = Mail("")
            row["_blocks"] = {slot: row[f"slot:{slot}"] for slot in compiled.slots}
            rows.append(row)
    return rows


def best_of(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """CPU seconds of the fastest round of each way; the ways take turns, so that noise meets all of them."""
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            gc.collect()
            begin = time.process_time()
            way()
            seconds[name] = min(seconds[name], time.process_time() - begin)
    return seconds


def jinja_source(compiled: CompiledCampaign) -> str:
    """The precompiled HTML as an ordinary Jinja template, for engines that escape by themselves."""
    template = compiled.template
    shown, slot = [], ""
    for index, part in enumerate(re.split(f"({template.prefix}[a-z]{{6}})", template.inlined)):
        if index % 2 == 0:
            shown.append(re.sub(r"[ \t]*\n\s*", "\n", part).encode("ascii", "xmlcharrefreplace").decode())
            continue
        token = template.tokens[part]
        if token.kind != "mark":
            shown += [_plain(piece, template.segments) for piece in token.pieces]
            continue
        word, _, name = template.segments[token.segment][1].partition(":")
        slot = name if word == "slot" else slot
        shown.append(f"{{% if _blocks.{slot} == {name!r} %}}" if word == "block" else "")
        shown.append("{% endif %}" if word == "endblock" else "")
    return "".join(shown)


def _plain(piece: str | Code, segments: Sequence[tuple[str, str]]) -> str:
    if isinstance(piece, str):
        return piece
    kind, text = segments[piece.segment]
    return f"{{{{ {text} }}}}" if kind == "expr" else f"{{% {text} %}}"


def measure() -> dict[str, Any]:
    """All figures but memory."""
    import minijinja

    compiled, settings = compiled_newsletter()
    context = run_context(settings)
    frame = chosen(compiled, audience(0, PROFILES))
    bound, slow = program(compiled, context), SlowWay(compiled, context)
    rows = rows_of(compiled, context, frame, bound)
    source, blank = jinja_source(compiled), Mail("")
    jinja = SandboxedEnvironment(autoescape=True).from_string(source)
    mini = minijinja.Environment(templates={"t.html": source})

    def ours() -> None:
        fresh = Program(compiled, context)  # nothing remembered: a run meets each recipient once
        for row in rows:
            fresh.html(row, blank)

    def through_jinja() -> None:
        for row in rows[: PROFILES // 4]:
            jinja.render(row).encode("utf-8")

    def through_minijinja() -> None:
        for row in rows[: PROFILES // 4]:
            mini.render_template("t.html", **named(row)).encode("utf-8")

    def through_all() -> None:
        for row in rows[:NAIVE]:
            slow.html(row, row["_blocks"]).encode("utf-8")

    def full() -> None:
        context.programs.clear()
        for _ in mails(compiled, context, 0, PROFILES):
            pass

    seconds = best_of(
        {"ours": ours, "jinja": through_jinja, "minijinja": through_minijinja, "full": full}, ROUNDS
    )
    seconds |= best_of({"naive": through_all}, 1)
    per_mail = {
        "ours": seconds["ours"] / PROFILES,
        "jinja": seconds["jinja"] / (PROFILES // 4),
        "minijinja": seconds["minijinja"] / (PROFILES // 4),
        "naive": seconds["naive"] / NAIVE,
    }
    made = [bound.html(row) for row in rows]
    equal = all(
        same(html, jinja.render(row)) and same(html, mini.render_template("t.html", **named(row)))
        for html, row in zip(made, rows, strict=True)
    ) and not any(
        difference(slow.html(row, row["_blocks"]), html.decode())
        for html, row in zip(made[:NAIVE], rows, strict=False)
    )
    return {
        "emails_per_s": round(1 / per_mail["ours"]),
        "us_per_email": round(per_mail["ours"] * 1e6, 2),
        "bytes_per_email": round(sum(map(len, made)) / len(made)),
        "jinja_us": round(per_mail["jinja"] * 1e6, 1),
        "minijinja_us": round(per_mail["minijinja"] * 1e6, 1),
        "naive_us": round(per_mail["naive"] * 1e6),
        "ratio_vs_naive": round(per_mail["naive"] / per_mail["ours"]),
        "ratio_vs_jinja": round(per_mail["jinja"] / per_mail["ours"], 2),
        "ratio_vs_minijinja": round(per_mail["minijinja"] / per_mail["ours"], 2),
        "equal": equal,
        "full_us_per_email": round(seconds["full"] / PROFILES * 1e6, 1),
    }


def named(row: dict[str, Any]) -> dict[str, Any]:
    """The names of a row that a keyword argument can carry."""
    return {name: value for name, value in row.items() if name.isidentifier()}


def same(ours: bytes, theirs: str) -> bool:
    """Whether two ways wrote the same but for white space and character references."""
    if ours == theirs.encode("ascii", "xmlcharrefreplace"):
        return True
    return " ".join(unescape(ours.decode()).split()) == " ".join(unescape(theirs).split())


def mails(
    compiled: CompiledCampaign, context: RenderContext, start: int, stop: int
) -> Iterator[pa.RecordBatch]:
    """All of every mail, streaming; making up the audience is left out of the time by ``FRAMES``."""
    for begin in range(start, stop, BATCH):
        frame = FRAMES.get(begin) or audience(begin, min(stop, begin + BATCH))
        for batch in chosen(compiled, frame).combine_chunks().to_batches(max_chunksize=500):
            yield render_batch(compiled, context, batch)


FRAMES: dict[int, pa.Table] = {}


def high_water() -> int:
    """Megabytes that this process has had at most. Not ``ru_maxrss``, which a child takes over from its parent."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def peak(profiles: int) -> int:
    """Megabytes that a fresh process reaches when it renders that many."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--peak", str(profiles)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if asked.peak:
        compiled, settings = compiled_newsletter()
        context = run_context(settings)
        for _ in mails(compiled, context, 0, asked.peak):
            pass
        print(high_water())  # noqa: T201
        return
    for begin in range(0, PROFILES, BATCH):
        FRAMES[begin] = audience(begin, begin + BATCH)
    figures = measure() | {"peak_mb": peak(PROFILES), "peak_mb_10x": peak(10 * PROFILES)}
    print(json.dumps(figures) if asked.json else "\n".join(f"{k:20} {v}" for k, v in figures.items()))  # noqa: T201


if __name__ == "__main__":
    main()
