"""The plain text part, made of the same compiled HTML: the same blocks, conditions and links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from lxml import etree

from render.kiln import promote
from render.placed import TOKEN_LENGTH, Code, Placed, Token
from render.restoring import Stream
from render.source import Segment

PARAGRAPH, LINE = "\x1d", "\x1e"
"""Stand for an empty line and a new line until the text is whole: which of several that meet counts is known
only when it is known what stands between them."""

_BLOCKS = frozenset(
    ["div", "p", "table", "tr", "td", "th", "ul", "ol", "hr", "blockquote", "center", "section"]
)
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_SKIPPED = frozenset(["head", "style", "title", "script"])
_EDGES = " " + LINE
_MEETING = re.compile(f"{PARAGRAPH}[{_EDGES}{PARAGRAPH}]*{PARAGRAPH}")
_SPACES = re.compile(r"[ \t\r\n\xa0]+")
_INVISIBLE = re.compile(r"display\s*:\s*none")


def settle(text: str) -> str:
    """Text with its marks turned into line breaks: where several meet the strongest counts."""
    paragraphs: list[str] = []
    last = ""
    for part in text.split(PARAGRAPH):
        shown = part.strip(_EDGES)
        if shown and (shown != last or not is_repeat(shown, last)):
            paragraphs.append(shown)
            last = shown
    text = "\n\n".join(paragraphs)
    if LINE in text:
        text = "\n".join([line.strip(" ") for line in text.split(LINE)])
    while "  " in text:
        text = text.replace("  ", " ")
    return text + "\n"


def fewer_marks(text: str) -> str:
    """The same text to ``settle``: of empty lines that meet with nothing between them one is left."""
    return _MEETING.sub(PARAGRAPH, text)


def is_repeat(paragraph: str, before: str) -> bool:
    """Whether a link stands there twice: the picture of a thing, and then its title."""
    return paragraph == before and paragraph.endswith(")")


def plain_stream(html: str, placed: Placed) -> Stream:
    """Text and tokens in reading order: paragraphs apart, a link as ``words (address)``, a picture as alt."""
    root = etree.fromstring(promote(html, placed.prefix), etree.HTMLParser())
    walk = _Walk(placed)
    if root is not None:
        walk.element(root)
    return walk.found


def without_repeats(found: Stream, segments: Sequence[Segment]) -> Stream:
    """The stream without the links of which ``settle`` would see in every mail that they stand twice."""
    kept: Stream = []
    last: tuple[Any, ...] | None = None
    for mark, items in groupby(found, lambda item: item == PARAGRAPH):
        paragraph = list(items)
        if not mark:
            words = _without_edges(paragraph)
            this = tuple(_meaning(word, segments) for word in words)
            if this == last and words and words[-1] == ")" and None not in this:
                continue
            last = this if words else last
        kept += paragraph
    return kept


def _without_edges(paragraph: Stream) -> Stream:
    """The paragraph less the blanks and lines before and after its words; those between tell words apart."""
    words = [at for at, item in enumerate(paragraph) if not isinstance(item, str) or item.strip(_EDGES)]
    return paragraph[words[0] : words[-1] + 1] if words else []


def _meaning(word: str | Token, segments: Sequence[Segment]) -> Any:
    """What is the same for words that are the same in every mail; None for code that may do other things."""
    if isinstance(word, str):
        return word
    codes = [piece for piece in word.pieces if isinstance(piece, Code)]
    if any(segments[code.segment].kind != "expr" for code in codes):
        return None
    shown = (
        piece if isinstance(piece, str) else (piece.escape, segments[piece.segment].text)
        for piece in word.pieces
    )
    return (word.kind, word.url, word.link, *shown)


def plain_text(html: str) -> str:
    """The text part of a finished mail."""
    return settle(
        "".join(part for part in plain_stream(html, Placed(prefix="\x02")) if isinstance(part, str))
    )


class _Walk:
    def __init__(self, placed: Placed) -> None:
        self.placed = placed
        self.pattern = re.compile(f"({placed.prefix}[a-z]{{{TOKEN_LENGTH}}})")
        self.found: Stream = []

    def put(self, item: str | Token) -> None:
        """Add a piece; a mark beside a mark is settled now, to keep the text short."""
        last = self.found[-1] if self.found else ""
        if isinstance(item, str) and isinstance(last, str):
            if item == last and item in (PARAGRAPH, LINE, " "):
                return
            if item == " " and last in (PARAGRAPH, LINE):
                return
        self.found.append(item)

    def text(self, text: str) -> None:
        for index, part in enumerate(self.pattern.split(text)):
            if index % 2:
                self.put(self.placed.tokens[part])
            elif part:
                self.put(_SPACES.sub(" ", part))

    def element(self, node: etree._Element) -> None:
        if node.tag is etree.Comment:
            self._comment(node.text or "")
            return
        tag = str(node.tag).lower()
        if tag in _SKIPPED or _INVISIBLE.search(node.get("style") or ""):
            for comment in node.iter(etree.Comment):
                self._comment(comment.text or "", seen=False)
            return
        block = tag in _BLOCKS or tag in _HEADINGS
        if block or tag in ("br", "li"):
            self.put(PARAGRAPH if block else LINE)
        if tag == "li":
            self.put("- ")
        if tag == "img" and (node.get("alt") or "").strip():
            self.text(node.get("alt") or "")
        before = len(self.found)
        self.text(node.text or "")
        for child in node:
            self.element(child)
            self.text(child.tail or "")
        if tag == "a":
            self._address(node.get("href") or "", self.found[before:])
        if block:
            self.put(PARAGRAPH)

    def _comment(self, text: str, *, seen: bool = True) -> None:
        """A comment that is a token, or that holds the tags which MJML put into a conditional comment. Where
        nothing is seen the tags alone count: what they set may be read further down."""
        for name in self.pattern.findall(text):
            token = self.placed.tokens[name]
            if (seen and text.strip() == name) or token.kind in ("control", "mark"):
                self.put(token)

    def _address(self, href: str, words: Stream) -> None:
        shown = "".join(word for word in words if isinstance(word, str)).strip()
        constant = not any(isinstance(word, Token) for word in words)
        if not href or href.startswith("#") or (constant and shown == href.removeprefix("mailto:")):
            return
        if not constant or shown.strip(PARAGRAPH + LINE + " "):
            self.put(" ")
        self.put("(")
        for index, part in enumerate(self.pattern.split(href)):
            if part:
                self.put(self.placed.tokens[part] if index % 2 else part)
        self.put(")")
