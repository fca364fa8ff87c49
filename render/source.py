"""A file that holds template text, and the pieces that Jinja's own lexer cuts it into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from jinja2 import Environment, TemplateSyntaxError

from mailwright.errors import Location, TemplateError

Kind = Literal["data", "const", "expr", "tag", "mark"]

_LEXER = Environment(autoescape=False, keep_trailing_newline=True)  # noqa: S701 only cuts text, renders nothing
_BEGINS = {"variable_begin": "expr", "block_begin": "tag"}
_ENDS = {"variable_end", "block_end"}
_SILENT = {"comment_begin", "comment", "comment_end", "raw_begin", "raw_end", "linecomment"}


@dataclass(frozen=True, slots=True)
class Source:
    """The whole text of one file. ``start`` is where the template begins, after any front matter."""

    file: str
    text: str
    start: int = 0

    def at(self, offset: int) -> Location:
        line = self.text.count("\n", 0, offset)
        begin = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        shown = self.text[begin : len(self.text) if end < 0 else end]
        return Location(self.file, line + 1, offset - begin + 1, shown)


@lru_cache(maxsize=32_768)
def _place(source: Source, offset: int) -> Location:
    return source.at(offset)


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of a template: constant text, an expression, a tag, or a mark that the assembly set.

    ``text`` is what stands between the delimiters, stripped; for data, the text itself.
    """

    kind: Kind
    text: str
    source: Source
    offset: int

    @property
    def at(self) -> Location:
        return _place(self.source, self.offset)

    @property
    def word(self) -> str:
        """The first word of a tag: ``if``, ``for``, ``slot``."""
        return self.text.split(None, 1)[0] if self.text else ""

    @property
    def rest(self) -> str:
        """What follows the first word of a tag."""
        parts = self.text.split(None, 1)
        return parts[1] if len(parts) > 1 else ""

    def error(self, what: str, *, fix: str | None = None) -> TemplateError:
        return TemplateError(what, at=self.at, fix=fix)


@lru_cache(maxsize=1024)
def cut(source: Source) -> tuple[Segment, ...]:
    """The segments of a source, comments left out, white space control applied.

    Jinja's lexer decides what is text and what is code: it knows ``{% raw %}``, ``%}`` inside strings and
    ``{%- -%}``. Raises TemplateError where it finds no end.
    """
    text = source.text[source.start :]
    segments: list[Segment] = []
    position, begin, inside = 0, 0, ""
    for _, token, value in _tokens(source, text):
        found = text.find(value, position)  # the lexer drops stripped white space, nothing else
        position = (found if found >= 0 else position) + len(value)
        if token in _SILENT:
            continue
        if token in _BEGINS:
            inside, begin = _BEGINS[token], position
        elif token in _ENDS:
            code = text[begin : position - len(value)]
            start = source.start + begin + len(code) - len(code.lstrip())
            kind: Kind = "expr" if inside == "expr" else "tag"
            segments.append(Segment(kind, code.strip(), source, start))
            inside = ""
        elif not inside and value:
            segments.append(Segment("data", value, source, source.start + position - len(value)))
    if inside:
        opening, closing = ("{{", "}}") if inside == "expr" else ("{%", "%}")
        place = source.at(source.start + begin - 2)
        raise TemplateError(f"{opening} has no end", at=place, fix=f"close it with {closing}")
    return tuple(segments)


def _tokens(source: Source, text: str) -> Iterator[tuple[int, str, str]]:
    try:
        yield from _LEXER.lex(text)
    except TemplateSyntaxError as error:
        line = source.text.count("\n", 0, source.start) + error.lineno
        shown = source.text.split("\n")[line - 1 : line]
        at = Location(source.file, line, 0, shown[0] if shown else None)
        raise TemplateError(error.message or "this is not Jinja", at=at) from error


def trim(segments: Sequence[Segment]) -> list[Segment]:
    """Without the white space at both ends, so that a partial can stand inside a sentence."""
    trimmed = list(segments)
    while trimmed and trimmed[0].kind == "data" and not trimmed[0].text.strip():
        trimmed.pop(0)
    while trimmed and trimmed[-1].kind == "data" and not trimmed[-1].text.strip():
        trimmed.pop()
    if trimmed and trimmed[0].kind == "data":
        first = trimmed[0]
        text = first.text.lstrip()
        trimmed[0] = Segment("data", text, first.source, first.offset + len(first.text) - len(text))
    if trimmed and trimmed[-1].kind == "data":
        last = trimmed[-1]
        trimmed[-1] = Segment("data", last.text.rstrip(), last.source, last.offset)
    return trimmed
