"""An attribute of the template's MJML: constant, or one token for the whole of its value."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import unescape

from render import mjml_facts as facts
from render.escapes import FIXED_SCHEME, ascii_html, url
from render.language import UnsafeValueError
from render.placed import Code, Cursor, Output, Piece, Token


@dataclass
class Attribute:
    """One attribute while it is read; ``parts`` are ``data``, ``const`` (folded) and ``code`` (a segment)."""

    tag: str
    name: str
    quote: str
    parts: list[tuple[str, str | int]] = field(default_factory=list)

    @property
    def holds_code(self) -> bool:
        return any(kind == "code" for kind, _ in self.parts)

    def place(self, output: Output, cursor: Cursor, *, inherited: bool) -> None:
        """Write it out. ``inherited``: it stands in mj-attributes, and may be used never or often.

        Raises TemplateError for a script, a link that no mail may open, and code where MJML computes.
        """
        if self.name.startswith("on"):
            raise cursor.error(f"{self.name} is a script, which no mail runs", fix="take it out")
        escape = facts.context(self.tag, self.name)
        if not self.holds_code:
            constant = self._whole()
            if escape == "_url":
                _check_link(unescape(constant), cursor)
            output.emit(f' {self.name}="{constant}"')
            return
        if facts.fixed(self.tag, self.name):
            raise cursor.error(
                f"{self.name} of <{self.tag}> must be known when the template is compiled",
                fix="write a constant (brand.…, theme.…, campaign.values.…), or one block for each value",
            )
        kind = "default" if inherited else "leaf"
        if escape == "_url":
            token = self._link(kind, cursor.number)
        elif self.tag.startswith("mj") or self.name != "style":
            token = Token(tuple(self._pieces(escape)), kind, cursor.number)
        else:
            self._style(output, cursor.number)
            return
        output.token(token, f' {self.name}="{{}}"')

    def _whole(self) -> str:
        constant = "".join(_constant(str(text), kind) for kind, text in self.parts)
        collapses = self.tag.startswith("mj") or self.name == "style"
        return " ".join(constant.split()) if collapses else constant.replace("\n", "&#10;")

    def _pieces(self, escape: str) -> list[Piece]:
        return [
            Code(value, escape) if isinstance(value, int) else _constant(value, kind).replace("\n", " ")
            for kind, value in self.parts
        ]

    def _style(self, output: Output, number: int) -> None:
        """The style of an HTML element: each value in it is a token of its own."""
        output.emit(' style="')
        for kind, value in self.parts:
            if isinstance(value, int):
                output.token(Token((Code(value, "_css"),), "leaf", number))
            else:
                output.emit(" ".join(_constant(value, kind).split("\n")))
        output.emit('"')

    def _link(self, kind: str, number: int) -> Token:
        """A link with code in it; checked when it is whole, unless its beginning is constant and safe."""
        pieces: list[Piece] = []
        constant = ""
        for part, value in self.parts:
            if isinstance(value, int):
                asked = "?" in constant or "#" in constant
                pieces.append(Code(value, "_query" if asked else "_path"))
            else:
                written = _constant(value, part).replace("\n", "")
                constant += unescape(written)
                pieces.append(written)
        first = pieces[0]
        safe = isinstance(first, str) and FIXED_SCHEME.match(unescape(first))
        return Token(tuple(pieces), kind, number, url=not safe)


def _constant(text: str, kind: str) -> str:
    text = text if kind == "data" else text.replace("&", "&amp;")
    text = text.replace("<", "&lt;").replace('"', "&#34;").replace("\\", "&#92;").replace("\t", " ")
    return ascii_html(text)


def _check_link(link: str, cursor: Cursor) -> None:
    try:
        url(link)
    except UnsafeValueError as error:
        raise cursor.error(str(error), fix="use https:, mailto: or tel:") from error
