"""Messages that share a skeleton, as ``render`` makes them."""

from __future__ import annotations

import html

from mailwright.model.message import Holes, Message, Skeleton
from tests.send.conftest import make_message

HTML: Holes = (
    "<p>Hei ",
    0,
    '</p><a href="https://shop.example/i/',
    1,
    '?a=1&amp;b=2">',
    2,
    "</a><p>",
    0,
    "</p>",
)
TEXT: Holes = ("Hei ", 3, "\n", 4, "\n")
SUBJECT: Holes = ("For ", 3)
SKELETON = Skeleton("f" * 32, HTML, TEXT, SUBJECT)


def grouped_message(i: int, name: str = "", **changes: object) -> Message:
    name = name or f"Kåre {i} & <sønn>"
    title = f"Ulllue nr. {i} – 'best' \"kjøp\" 100%"
    escaped = [html.escape(t).encode("ascii", "xmlcharrefreplace").decode() for t in (name, title)]
    leaves = (escaped[0], str(i), escaped[1], name, title)
    return make_message(
        i,
        subject=Skeleton.fill(SUBJECT, leaves),
        html=Skeleton.fill(HTML, leaves).encode("ascii"),
        text=Skeleton.fill(TEXT, leaves),
        skeleton=SKELETON,
        leaves=leaves,
        **changes,
    )
