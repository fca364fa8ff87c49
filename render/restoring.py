"""The compiled HTML with Jinja put back where its tokens are, and proof that nothing was lost or moved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser

from jinja2 import Environment, nodes

from mailwright.errors import TemplateError
from render.escapes import ascii_html
from render.mjml_facts import VOID
from render.placed import LOCALE, TOKEN_LENGTH, Piece, Placed, Token
from render.source import Segment

OPEN, SHUT = "\x02", "\x03"
"""Inside compiled text code stands between these, which no file may hold, so that constant text may hold
any braces."""

INNER = Environment(  # noqa: S701 escapes are written into the text
    block_start_string=OPEN + "%",
    block_end_string="%" + SHUT,
    variable_start_string=OPEN + "{",
    variable_end_string="}" + SHUT,
    comment_start_string=OPEN + "#",
    comment_end_string="#" + SHUT,
    keep_trailing_newline=True,
)
"""Parses compiled text, in which code stands between delimiters that no file can hold."""

_BREAK = "\x1c"
"""A line break while compiled text is parsed: white space for Jinja, and no line."""
_SPACE = re.compile(r"[ \t]*\n\s*")
Stream = list[str | Token]


@dataclass(frozen=True)
class Restored:
    """Compiled text of one kind (HTML or plain): the template's own, and that of each block, as Jinja."""

    template: str
    blocks: dict[str, str]


def stream(html: str, placed: Placed) -> Stream:
    """HTML cut at its tokens."""
    parts = re.split(f"({placed.prefix}[a-z]{{{TOKEN_LENGTH}}})", html)
    return [placed.tokens[part] if index % 2 else part for index, part in enumerate(parts)]


def check(found: Stream, placed: Placed, segments: Sequence[Segment]) -> None:
    """Every value is there, every control tag once and in order; TemplateError at the first that is not."""
    seen = [token for token in found if isinstance(token, Token)]
    there = {id(token) for token in seen}
    for token in placed.tokens.values():
        if id(token) not in there and token.kind != "default":
            raise segments[token.segment].error(
                "this is lost when MJML is compiled: it stands where MJML drops or computes values",
                fix="move it to another attribute or into the text, or make it a constant",
            )
    due = [token for token in placed.tokens.values() if token.kind in ("control", "mark")]
    got = [token for token in seen if token.kind in ("control", "mark")]
    for expected, actual in zip(due, got, strict=False):
        if expected is not actual:
            raise segments[expected.segment].error(
                "MJML moved this tag", fix="put it around a whole mj-section"
            )
    if len(due) != len(got):
        raise segments[due[-1].segment].error(
            "MJML wrote a tag twice", fix="put it around a whole mj-section"
        )


def restore(found: Iterable[str | Token], segments: Sequence[Segment], mode: str) -> Restored:
    """The stream as Jinja, cut into the template and its blocks."""
    texts: dict[str, list[str]] = {"": []}
    current = ""
    for item in found:
        if isinstance(item, str):
            texts[current].append(ascii_html(_SPACE.sub("\n", item)) if mode == "html" else item)
            continue
        if item.kind != "mark":
            texts[current].append(written(item, segments, mode))
            continue
        word, _, name = segments[item.segment].text.partition(":")
        if word == "slot":
            texts[current].append(f"{OPEN}% filter _slot({name!r}) %{SHUT}{OPEN}% endfilter %{SHUT}")
        elif word == "block":
            current = name
            texts[current] = []
        elif word == "endblock":
            current = ""
    whole = {name: "".join(parts) for name, parts in texts.items()}
    return Restored(whole.pop(""), whole)


def written(token: Token, segments: Sequence[Segment], mode: str) -> str:
    """A token's code as Jinja between the inner delimiters."""
    shown = "".join(_piece(piece, segments, mode, token) for piece in token.pieces)
    if token.link:
        return (
            f"{OPEN}% filter _href({token.segment}, {token.link!r}) %{SHUT}{shown}{OPEN}% endfilter %{SHUT}"
        )
    if token.url:
        return f"{OPEN}% filter _url({token.segment}) %{SHUT}{shown}{OPEN}% endfilter %{SHUT}"
    return shown


def _piece(piece: Piece, segments: Sequence[Segment], mode: str, token: Token) -> str:
    if isinstance(piece, str):
        return unescape(piece) if mode == "text" else piece
    if piece.segment == LOCALE:
        return expression("locale", piece.escape, token.segment)
    segment = segments[piece.segment]
    if segment.kind == "tag":
        return tag(segment.text, piece.segment)
    return expression(segment.text, piece.escape, piece.segment)


def tag(text: str, segment: int) -> str:
    """``{% text %}``, and before it the segment's number in a comment, for ``parse_restored``."""
    return f"{OPEN}# {segment} #{SHUT}{OPEN}% {text} %{SHUT}"


@lru_cache(maxsize=2048)
def parse_restored(text: str) -> list[nodes.Node]:
    """Restored text as Jinja's syntax tree, in which every tag of segment n stands on line n + 1 (no other
    line counts), so that what is compiled from it leads back to its file.
    Nobody changes the tree: after a save most texts are what they were, and parsing is half of compiling."""
    line = 1

    def moved(number: re.Match[str]) -> str:
        nonlocal line
        lines = max(0, int(number[1]) + 1 - line)
        line += lines
        return f"{OPEN}#{chr(10) * lines}#{SHUT}"

    tree = INNER.parse(re.sub(f"{OPEN}# (\\d+) #{SHUT}", moved, text.replace("\n", _BREAK)))
    for data in tree.find_all(nodes.TemplateData):
        data.data = data.data.replace(_BREAK, "\n")
    for constant in tree.find_all(nodes.Const):
        if isinstance(constant.value, str):
            constant.value = constant.value.replace(_BREAK, "\n")
    return tree.body


def expression(text: str, escape: str, segment: int) -> str:
    """``{{ (text) | escape(segment) }}``; the segment's number leads back to the file."""
    escape = "_path" if escape == "_url" else escape
    return f"{OPEN}{{ ({text}) | {escape}({segment}) }}{SHUT}"


def check_balance(restored: Restored, at: dict[str, Segment]) -> None:
    """Each block's HTML opens and closes its own elements. Raises TemplateError naming the block."""
    for name, text in restored.blocks.items():
        if unbalanced := _unbalanced(text):
            tag = at[name]
            what = f"the block {name!r} does not close what it opens: {unbalanced}"
            raise TemplateError(what, at=tag.at, fix="write whole mj-section elements in the block")


@lru_cache(maxsize=1024)
def _unbalanced(text: str) -> str:
    """The element that is opened and not closed, or the other way round; '' when there is none."""
    parser = _Balance()
    parser.feed(re.sub(f"{OPEN}.*?{SHUT}", "", text, flags=re.S))
    return parser.problem or (parser.open[-1] if parser.open else "")


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.problem = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.problem = self.problem or f"</{tag}>"
        else:
            self.open.pop()
