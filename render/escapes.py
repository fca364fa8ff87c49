"""How a value is written where it stands: text, attribute, link, style; and in the plain text part.

Every escape gives ASCII for HTML: what is not ASCII becomes a character reference, so that no mail is ever
encoded a second time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from render.language import LimitError, UnsafeValueError, spend, text

MEMO = 32_768
"""Texts that each escape remembers."""
LONG = 80
"""Characters of a text from which on it is not remembered."""
MAX_VALUE = 20_000
"""Characters of one value in a mail."""

SCHEMES = frozenset({"https", "http", "mailto", "tel", "asset"})
"""What a link in a mail may start with. ``asset:`` marks a picture that is not published yet; it opens
nothing, and a send refuses it."""

_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]|[\U0001fffe\U0001ffff]"
)
_BREAKS = re.compile(r"\s*[\r\n\x0b\x0c\x85\u2028\u2029]\s*")
_NO_LINE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_SPACES = re.compile(r"[ \t\n]+")
_ONE_LINE = re.compile(r"[!-~\u00a1-\u167f]+(?: [!-~\u00a1-\u167f]+)*+")
_SPECIAL = (
    ("&", "&amp;"),  # first, since the others write it
    ("<", "&lt;"),
    (">", "&gt;"),
    ('"', "&#34;"),
    ("'", "&#39;"),
    ("\\", "&#92;"),  # mrml doubles it in attributes, so the slow way needs the reference
    ("\n", " "),
    ("\r", " "),
    ("\t", " "),
)
"""Replaced one after the other: ``str.translate`` asks its table for each character that is not ASCII."""
_CSS = re.compile(r"[\w #.,%+/-]*(?:(?:rgb|rgba|hsl|hsla)\([\d\s,.%/]*\)[\w #.,%+-]*)?", re.ASCII)
_SCHEME = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.\-]*)\s*:")
_URL_SAFE = "/:?#[]@!$&*+,;=%~-._"
FIXED_SCHEME = re.compile(r"\s*(?:https?://|mailto:|tel:|#|\?|/(?!/))", re.IGNORECASE)
"""A link whose constant beginning matches this cannot become anything else by what follows."""


def clean(value: Any) -> str:
    """The text of a value without characters that no mail may hold."""
    shown = text(value)
    if len(shown) > MAX_VALUE:
        raise LimitError(f"a value of more than {MAX_VALUE:,} characters")
    return _CONTROLS.sub("", shown)


def ascii_html(shown: str) -> str:
    """Text already escaped for HTML, with character references for what is not ASCII."""
    return shown.encode("ascii", "xmlcharrefreplace").decode("ascii")


def html(value: Any) -> str:
    """Between tags and inside quoted attributes."""
    shown = clean(value)
    for character, written in _SPECIAL:
        if character in shown:
            shown = shown.replace(character, written)
    return ascii_html(shown)


def path(value: Any) -> str:
    """Inside a link, before any ``?``: what has no place in a link is percent-encoded."""
    return quote(clean(value).strip(), safe=_URL_SAFE)


def query(value: Any) -> str:
    """Inside a link after ``?`` or ``#``: one component, wholly percent-encoded."""
    return quote(clean(value), safe="")


def css(value: Any) -> str:
    """Inside a style: colours, sizes, names. Raises UnsafeValueError for anything else."""
    shown = clean(value).strip()
    if not _CSS.fullmatch(shown):
        raise UnsafeValueError(f"{shown[:40]!r} cannot stand in a style")
    return shown


def url(shown: str) -> str:
    """A whole link. Raises UnsafeValueError for a scheme that no mail may open."""
    match = _SCHEME.match(shown)
    if match and match[1].lower() not in SCHEMES:
        raise UnsafeValueError(f"a link cannot start with {match[1]}:")
    return shown


def link(value: Any) -> str:
    """A whole link that is one value: ``path`` and ``url`` in one."""
    return url(path(value))


def plain(value: Any) -> str:
    """In the text part: one line, white space as one blank."""
    return _SPACES.sub(" ", _BREAKS.sub(" ", clean(value)))


def _escaped(escape: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: escape(value).replace("&", "&amp;")


HTML: dict[str, Callable[[Any], str]] = {
    "_html": html,
    "_path": _escaped(path),
    "_query": query,
    "_css": css,
    "_link": _escaped(link),
}
TEXT: dict[str, Callable[[Any], str]] = {
    "_html": plain,
    "_path": path,
    "_query": query,
    "_css": css,
    "_link": link,
}


def one_line(shown: str, what: str) -> str:
    """A subject or preheader, which must be one line. Raises UnsafeValueError for a line break or control."""
    if _ONE_LINE.fullmatch(shown):
        return shown  # as most are
    if _NO_LINE.search(shown):
        raise UnsafeValueError(f"the {what} holds a line break or a control character")
    return _SPACES.sub(" ", shown).strip()


def raw_line(value: Any) -> str:
    """In the subject and the preheader: as it is, so that ``one_line`` sees any line break; but for those at
    the ends, which careless exports leave and which mean nothing."""
    shown = text(value)
    return shown.strip() if "\n" in shown or "\r" in shown else shown


LINE: dict[str, Callable[[Any], str]] = {"_html": raw_line}


_SAME = {
    "html": {
        "_html": r"[ !#-%(-;=?-\[\]-~]*",
        "_path": r"[A-Za-z0-9/:?#@!$*+,;=%~._-]*",
        "_query": r"[A-Za-z0-9~._-]*",
        "_link": r"https://[A-Za-z0-9/:?#@!$*+,;=%~._-]*",
    },
    "text": {
        "_html": r"(?:[!-~]+(?: [!-~]+)*)?",
        "_path": r"[A-Za-z0-9/:?#@!$*+,;=%~._-]*",
        "_query": r"[A-Za-z0-9~._-]*",
        "_link": r"https://[A-Za-z0-9/:?#@!$*+,;=%~._-]*",
    },
}
"""Texts that an escape leaves as they are, which are most: a look at them is quicker than the escape."""


class Memo(dict[Any, Any]):
    """An escape that remembers what it made of each text: ``memo[value]``, in ASCII bytes for HTML.

    Only texts are kept (1, 1.0 and True are one key and three outputs), and no long ones, which are seldom
    asked for twice. When it is full it starts anew, so that what belongs to one recipient cannot grow it.
    """

    def __init__(self, escape: Callable[[Any], str], same: str | None, *, as_bytes: bool) -> None:
        super().__init__()
        self._escape, self._bytes = escape, as_bytes
        self._same = re.compile(same).fullmatch if same is not None else None

    def __missing__(self, value: Any) -> Any:
        kept = type(value) is str
        if kept and len(value) > LONG:
            spend(len(value))
        shown = text(value) if type(value) is int else value
        if self._same is not None and type(shown) is str and len(shown) <= MAX_VALUE and self._same(shown):
            made: Any = shown
        else:
            made = self._escape(shown)
        if self._bytes:
            made = made.encode("ascii")
        if kept and len(value) <= LONG:
            if len(self) >= MEMO:
                self.clear()
            self[value] = made
        return made


def encoders(mode: str) -> dict[str, Memo]:
    """The escapes of one output, each remembering: ``html`` gives ASCII bytes, ``text`` and ``line`` str."""
    table = {"html": HTML, "text": TEXT, "line": LINE}[mode]
    same = _SAME.get(mode, {})
    return {name: Memo(escape, same.get(name), as_bytes=mode == "html") for name, escape in table.items()}
