"""The copy of a mail that the browser is given to show.

The mail itself is never touched: what is downloaded, sent for a test or compared is the bytes of the render.
A copy for showing differs in three things: pictures come from our own route, links stay where they are
(the frame's policy stops them), and the colour scheme is the one that was asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response

from mailwright.workspace.assets import LOCAL_SCHEME, PICTURES, Assets

WIDTHS = (320, 390, 768, 1024)
"""CSS pixels: a small phone, a phone, a tablet, a window on a desktop."""

_SCHEME = re.compile(rb"\(\s*prefers-color-scheme\s*:\s*(dark|light|no-preference)\s*\)", re.I)
_NAME = re.compile(r"[\w.\-]+", re.ASCII)


@dataclass(frozen=True)
class Look:
    """How a mail is to be shown: ``width`` in CSS pixels (None: as wide as there is room for, up to a
    tablet's), in dark or light, with pictures or without.

    ``outside`` also loads pictures from other hosts, which tells them that somebody looked.
    """

    width: int | None = None
    dark: bool = False
    pictures: bool = True
    outside: bool = False


def for_display(html: bytes, assets: Assets, look: Look) -> bytes:
    """The HTML of a mail as the preview's frame shows it."""
    html = with_own_pictures(html, assets)
    never, always = b"(max-width:0)", b"(min-width:0)"
    wanted = b"dark" if look.dark else b"light"
    html = _SCHEME.sub(lambda match: always if match[1].lower() == wanted else never, html)
    scheme = b"dark" if look.dark else b"light"
    style = b"<style>:root{color-scheme:only " + scheme + b"}</style>"
    head = html.find(b"</head>")
    return html if head < 0 else html[:head] + style + html[head:]


def with_own_pictures(html: bytes, assets: Assets) -> bytes:
    """Links to the workspace's published pictures, pointed at the preview's own route for them."""
    prefix = assets.prefix
    if prefix == LOCAL_SCHEME:
        return re.sub(rb"(?<=[\"'(=,\s])asset:(?=[\w.\-])", b"/assets/", html)
    return html.replace(escape(prefix, quote=True).encode("ascii", "xmlcharrefreplace"), b"/assets/")


def with_stand_ins(html: bytes) -> bytes:
    """Pictures of other hosts as a drawing of our own: those of sample data do not exist."""
    return re.sub(rb'(<img\b[^>]*?\bsrc=")https?://[^"]*', rb"\1/static/picture.svg", html)


def picture(assets: Assets, name: str) -> Response:
    """A published picture by its name; its name is made of its content, so it may be kept for ever."""
    path = assets.folder / name
    if not _NAME.fullmatch(name) or Path(name).suffix not in PICTURES or not path.is_file():
        return PlainTextResponse("there is no such picture", status_code=404)
    answer = FileResponse(path, headers={"cache-control": "private, max-age=31536000, immutable"})
    # A picture opened by itself is a document: an SVG in it must not run anything.
    answer.headers["content-security-policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return answer
