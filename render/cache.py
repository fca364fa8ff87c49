"""The result of MJML and inlining, kept on disk by the fingerprint of what went in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from mailwright.errors import RenderError
from mailwright.model.identity import fingerprint
from mailwright.model.replacing import replacing
from render.compiled import CompileStats
from render.furnace import fire
from render.kiln import Inliner
from render.placed import Placed
from render.source import Segment


def fired(
    placed: Placed,
    inliner: Inliner,
    folder: Path | None,
    toolchain: Sequence[str],
    segments: Sequence[Segment],
) -> tuple[str, CompileStats]:
    """The compiled HTML with tokens, and what it took. Raises TemplateError for MJML that cannot be read."""
    key = fingerprint(list(toolchain), inliner, placed.prefix, placed.mjml)
    path = None if folder is None else folder / f"{key}.json"
    if path is not None and (kept := _read(path)) is not None:
        return kept, CompileStats(0, 0, True, len(kept))
    try:
        html = fire(placed.mjml, placed.prefix, inliner)
    except RenderError as error:
        fix = error.fix or "see docs/rendering.md for what MJML takes"
        raise segments[0].error(error.what, fix=fix) from error
    if path is not None:
        _write(path, html)
    return html, CompileStats(1, 1, False, len(html))


def _read(path: Path) -> str | None:
    """What was kept, or None when there is nothing or it is damaged."""
    try:
        kept = orjson.loads(path.read_bytes())
        html = kept["html"]
        return html if kept["check"] == fingerprint(html) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, html: str) -> None:
    with replacing(path) as part:
        part.write_bytes(orjson.dumps({"html": html, "check": fingerprint(html)}))
