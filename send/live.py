"""Text that a platform would evaluate: written so in HTML that it shows the same and does nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailwright.errors import SendError
from mailwright.model.message import Message

_STYLE = re.compile(r"(<style\b[^>]*>.*?</style\s*>)", re.IGNORECASE | re.DOTALL)


def inert_html(message: Message, live: Sequence[str], esp: str) -> str:
    """The HTML with the first character of each live opening as a character reference.

    Style sheets cannot hold references, and text and subject have none: SendError when it stands there.
    """
    html = message.html.decode("ascii")
    for opening in live:
        for where, text in (("subject", message.subject), ("text part", message.text)):
            if opening in text:
                raise SendError(f"the {where} holds {opening!r}, which {esp} would evaluate")
        if opening not in html:
            continue
        pieces = _STYLE.split(html)
        if any(opening in piece for piece in pieces[1::2]):
            raise SendError(f"a style sheet holds {opening!r}, which {esp} would evaluate")
        reference = f"&#{ord(opening[0])};{opening[1:]}"
        html = "".join(p if i % 2 else p.replace(opening, reference) for i, p in enumerate(pieces))
    return html
