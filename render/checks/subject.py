"""What checks look at: a compiled campaign, the elements of its HTML, and rendered mails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mailwright.errors import Location
from render.checks.finding import Finding, Level
from render.compiled import CompiledCampaign
from render.coverage import Coverage
from render.placed import TOKEN_LENGTH, Token

_TAG = re.compile(r"<([a-zA-Z][\w:-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_COMMENT = re.compile(r"<!--.*?-->", re.S)


@dataclass(frozen=True)
class Element:
    """One start tag of the compiled HTML; values may hold tokens."""

    name: str
    attributes: Mapping[str, str]
    position: int


@dataclass
class Subject:
    """A compiled campaign, and what is known of its mails."""

    compiled: CompiledCampaign
    mails: Sequence[Mapping[str, Any]] = ()
    """Rendered mails: the worst, one of each variant, or any sample."""
    coverage: Coverage | None = None
    check: str = field(default="")

    @cached_property
    def token(self) -> re.Pattern[str]:
        return re.compile(f"{self.compiled.template.prefix}[a-z]{{{TOKEN_LENGTH}}}")

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        """The start tags outside of comments, in order."""
        html = _COMMENT.sub(lambda found: " " * len(found[0]), self.compiled.template.inlined)
        return tuple(
            Element(
                tag[1].lower(), {n.lower(): a or b for n, a, b in _ATTRIBUTE.findall(tag[2])}, tag.start()
            )
            for tag in _TAG.finditer(html)
        )

    @cached_property
    def template(self) -> Location:
        """The campaign's template, for what belongs to no line of it."""
        return next((place for place in self.compiled.places if place.file), Location(""))

    def place(self, element: Element, attribute: str) -> Location:
        """Where an element stands in the files: where the constant value of its attribute is written.

        A value that holds code, or that is written in several places, is looked for as ``near`` does.
        """
        value = element.attributes.get(attribute, "")
        found = [
            moved(place, text, text.index(f'"{value}"') + 1)
            for text, place in self.sources()
            if text.count(f'"{value}"') == 1
        ]
        return found[0] if value and len(found) == 1 else self.near(element.position)

    def near(self, position: int) -> Location:
        """The place in the files of what stands at a position of the compiled HTML: the nearest code's."""
        best, distance = self.template, 1 << 30
        for found in self.token.finditer(self.compiled.template.inlined):
            token = self.compiled.template.tokens[found[0]]
            away = abs(found.start() - position)
            if away < distance and token.kind != "mark":
                best, distance = self.compiled.places[token.segment], away
        return best

    def code(self, value: str) -> str:
        """A value with tokens as the author wrote it: ``https://…/{{ item.url }}``."""

        def written(found: re.Match[str]) -> str:
            token: Token = self.compiled.template.tokens[found[0]]
            shown = ""
            for piece in token.pieces:
                if isinstance(piece, str):
                    shown += piece
                elif piece.segment >= 0:
                    kind, text = self.compiled.template.segments[piece.segment]
                    shown += f"{{{{ {text} }}}}" if kind == "expr" else f"{{% {text} %}}"
            return shown

        return self.token.sub(written, value)

    def sources(self) -> Iterator[tuple[str, Location]]:
        """The constant text of every file that went in, piece by piece, with the place of its beginning."""
        for (kind, text), place in zip(self.compiled.template.segments, self.compiled.places, strict=False):
            if kind == "data":
                yield text, place

    def finding(self, level: Level, at: Location, what: str, fix: str) -> Finding:
        return Finding(self.check, level, at, what, fix)


def moved(place: Location, text: str, offset: int) -> Location:
    """The place of a character of ``text``, which begins at ``place``."""
    line = text.count("\n", 0, offset)
    column = offset - text.rfind("\n", 0, offset) if line else place.column + offset
    return Location(place.file, place.line + line, column)
