"""How fast mails are made: ``python bench/render.py --json``.

The reference newsletter has three conditional slots, six product cards out of 1,000 items with a link each
that differs per recipient, and about 36 KB of HTML. One core, one run, output to bytes. Prints:

``emails_per_s``, ``us_per_email``, ``bytes_per_email``: the HTML stage, rows given as Python mappings;
``jinja_us``, ``minijinja_us``, ``naive_us``: the peers, given the same mappings: the same precompiled HTML
through sandboxed Jinja2 and through minijinja (to bytes), and Jinja → mjml-python → premailer per recipient;
``ratio_vs_jinja``, ``ratio_vs_minijinja``, ``ratio_vs_naive``; each way is timed ``ROUNDS`` times in turn,
in CPU seconds of this process, and its fastest round counts; ``equal``: all mails the same as Jinja2's and
minijinja's, ``NAIVE`` of them as parsed trees the same as the naive way's; ``full_us_per_email``: all of a
mail: block choice, subject, HTML, text, signed link, headers, trace, from Arrow to Arrow; ``peak_mb`` and
``peak_mb_10x``: the largest memory of a process that renders the audience, and one ten times as large,
streaming.
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
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import Any

# This file has the room's name; without this it would be imported in its place.
sys.path.remove(str(Path(__file__).resolve().parent))

import pyarrow as pa
from jinja2.sandbox import SandboxedEnvironment

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.newsletter import audience, chosen, compiled_newsletter, run_context
from mailwright.model.garbage import collect_seldom
from render import (
    CompiledCampaign,
    RenderContext,
    render_frame,
)
from render.batch import row_columns
from render.mail import Mail
from render.placed import Code
from render.program import Program, program
from render.rows import batch_rows
from render.slowly import SlowWay
from render.trees import difference

PROFILES, NAIVE, ROUNDS, BATCH = 20_000, 200, 5, 5_000


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
        {
            "ours": ours,
            "jinja": through_jinja,
            "minijinja": through_minijinja,
            "full": full,
            "naive": through_all,
        },
        ROUNDS,
    )
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
        yield from render_frame(compiled, context, chosen(compiled, frame).combine_chunks())


FRAMES: dict[int, pa.Table] = {}


def high_water() -> int:
    """Megabytes that this process has had at most. Not ``ru_maxrss``: a child takes that over from its
    parent."""
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
    collect_seldom()  # as the command line does
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
