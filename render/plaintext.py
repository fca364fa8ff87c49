"""The plain text part, made of the same compiled HTML: the same blocks, conditions and links."""

from __future__ import annotations

import re
from html import unescape

from lxml import etree

from render.placing import TOKEN_LENGTH, Placed, Token
from render.restoring import Stream

_BLOCKS = {
    "div",
    "p",
    "table",
    "tr",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "blockquote",
}
_SKIPPED = {"head", "style", "title", "script"}
_SPACES = re.compile(r"[ \t\r\n\xa0]+")
_INVISIBLE = re.compile(r"display\s*:\s*none")


def plain_stream(html: str, placed: Placed) -> Stream:
    """Text and tokens in reading order: paragraphs apart, a link as ``words (address)``, a picture as alt."""
    from render.kiln import promote

    root = etree.fromstring(promote(html, placed.prefix), etree.HTMLParser())
    walk = _Walk(placed)
    if root is not None:
        walk.element(root)
    while walk.found and isinstance(walk.found[-1], str) and not walk.found[-1].strip():
        walk.found.pop()
    return [*walk.found, "\n"]


class _Walk:
    def __init__(self, placed: Placed) -> None:
        self.placed = placed
        self.pattern = re.compile(f"({placed.prefix}[a-z]{{{TOKEN_LENGTH}}})")
        self.found: Stream = []
        self.breaks = 0
        self.space = False
        self.started = True

    def text(self, text: str) -> None:
        for index, part in enumerate(self.pattern.split(text)):
            if index % 2:
                self.leaf(self.placed.tokens[part])
            elif part:
                shown = _SPACES.sub(" ", part)
                self.space = self.space or shown.startswith(" ")
                if shown.strip():
                    self._gap()
                    self.found.append(shown.strip())
                    self.space = shown.endswith(" ")

    def leaf(self, token: Token) -> None:
        if token.kind in ("control", "mark"):
            if self.space and not self.breaks and self.started:
                self.found.append(" ")
                self.space = False
            self.found.append(token)
        else:
            self._gap()
            self.found.append(token)

    def _gap(self) -> None:
        """White space before what comes next."""
        if self.breaks:
            self.found.append("\n" * self.breaks if self.started else "")
        elif self.space and self.started:
            self.found.append(" ")
        self.breaks, self.space, self.started = 0, False, True

    def line(self, count: int) -> None:
        self.breaks, self.space = max(self.breaks, count), False

    def element(self, node: etree._Element) -> None:
        if node.tag is etree.Comment:
            for name in self.pattern.findall(node.text or ""):
                token = self.placed.tokens[name]
                if (node.text or "").strip() == name or token.kind in ("control", "mark"):
                    self.leaf(token)
            return
        tag = str(node.tag).lower()
        if tag in _SKIPPED or _INVISIBLE.search(node.get("style") or ""):
            return
        if tag in _BLOCKS:
            self.line(2)
        elif tag in ("br", "li"):
            self.line(1)
        if tag == "li":
            self.text("- ")
        if tag == "hr":
            self.line(2)
        if tag == "img" and (node.get("alt") or "").strip():
            self.text(node.get("alt") or "")
        before = len(self.found)
        self.text(node.text or "")
        for child in node:
            self.element(child)
            self.text(child.tail or "")
        if tag == "a":
            self._address(node.get("href") or "", self.found[before:])
        if tag in _BLOCKS:
            self.line(2)

    def _address(self, href: str, words: Stream) -> None:
        if (
            not href
            or href.startswith("#")
            or "".join(w for w in words if isinstance(w, str)).strip() == href
        ):
            return
        self._gap() if not words else self.found.append(" ")
        self.found.append("(")
        for index, part in enumerate(self.pattern.split(href)):
            self.found.append(self.placed.tokens[part] if index % 2 else unescape(part))
        self.found.append(")")
        self.started, self.space = True, False
