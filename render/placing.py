"""Where each piece of a template stands in the MJML, and the MJML with a token in place of each.

``place`` walks the written-out template once, as MJML: it knows the open elements, whether it is in text, in
a tag, in an attribute's value, in a comment or in CSS. From that follow three things: how a value must be
escaped there, what cannot work there (refused with file, line and fix), and which form of token survives
MJML and the inliner there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape

from mailwright.errors import TemplateError, did_you_mean
from render import mjml_facts as facts
from render.escapes import FIXED_SCHEME, ascii_html, url
from render.language import UnsafeValueError
from render.source import Segment

TOKEN_LENGTH = 6
_TAG = re.compile(r"<([a-zA-Z][\w:-]*)")
_END = re.compile(r"</([a-zA-Z][\w:-]*)\s*>")
_ATTRIBUTE = re.compile(r"\s*([a-zA-Z_:@][\w:.-]*)(\s*=\s*)?")
_CLOSE = re.compile(r"\s*(/?>)")
_MIDDLES = ("else", "elif")
_STRUCTURAL = re.compile(r":(?:first|last|nth|only)-|:empty|[^\s,(]\s*[+~]\s*[.#\w\[]|\[[^\]]*[\^$*|]=")
_LINKS = frozenset(["a", "mj-button", "mj-navbar-link", "mj-social-element"])
LOCALE = -1
"""The number of the expression ``locale``, which gives the mail its language when <mjml> names none."""
NAMES = {"if": "endif", "for": "endfor", "with": "endwith"}


@dataclass(frozen=True)
class Code:
    """A piece of Jinja as it is put back: the segment's number, and the escape of an expression."""

    segment: int
    escape: str = ""


Piece = str | Code
"""Constant text (escaped for HTML) or code."""


@dataclass(frozen=True)
class Token:
    """What a token stands for, and what must hold of it after compiling."""

    pieces: tuple[Piece, ...]
    kind: str
    """``leaf`` (at least once), ``control`` or ``mark`` (once, in order), ``default`` (any number)."""
    segment: int
    url: bool = False
    """The whole is a link, to be checked once it is known."""


@dataclass
class Placed:
    """The template as MJML with tokens, what the tokens stand for, and the same MJML with Jinja in place."""

    mjml: str = ""
    tokens: dict[str, Token] = field(default_factory=dict)
    jinja: list[Piece | Token] = field(default_factory=list)
    """The source with every escape written in: the slow way renders this for each recipient."""
    prefix: str = ""


@dataclass
class _Element:
    name: str
    segment: Segment
    control: Segment | None = None
    """The first control tag that stands directly in it."""
    no_width: Segment | None = None
    """The first column in it that has no width of its own."""


def place(segments: Sequence[Segment]) -> Placed:
    """Put tokens into the MJML. Raises TemplateError for what cannot work, at its place."""
    walk = _Walk(segments)
    for number, segment in enumerate(segments):
        walk.number, walk.segment = number, segment
        if segment.kind == "data":
            walk.data(segment.text)
        elif segment.kind == "const":
            walk.constant(segment.text)
        else:
            walk.code(segment)
    return walk.finish()


class _Walk:
    def __init__(self, segments: Sequence[Segment]) -> None:
        self.out: list[str] = []
        self.jinja: list[Piece | Token] = []
        self.tokens: dict[str, Token] = {}
        whole = "".join(segment.text for segment in segments)
        self.prefix = next(p for p in ("zqj", "zqx", "jqz", "qzj", "xqz") if p not in whole)
        self.stack: list[_Element] = []
        self.controls: list[tuple[Segment, int]] = []
        self.state = "text"
        self.tag = ""
        self.attribute = ""
        self.quote = ""
        self.value: list[tuple[str, object]] = []
        self.attributes: set[str] = set()
        self.css = ""
        self.number = 0
        self.segment = segments[0]
        self.offset = 0

    # -- output ------------------------------------------------------------------------------------------
    def emit(self, text: str) -> None:
        self.out.append(text)
        self.jinja.append(text)

    def token(self, token: Token, form: str = "{}") -> None:
        name = self.prefix + _letters(len(self.tokens))
        self.tokens[name] = token
        before, after = form.split("{}")
        self.out.append(before + name + after)
        if before.startswith("<"):  # only the token needs the wrapping
            self.jinja.append(token)
        else:
            self.jinja += [before, token, after]

    def error(self, what: str, fix: str | None = None) -> TemplateError:
        segment = self.segment
        return TemplateError(what, at=segment.source.at(segment.offset + self.offset), fix=fix)

    # -- constant text -----------------------------------------------------------------------------------
    def data(self, text: str) -> None:
        position = 0
        while position < len(text):
            self.offset = position
            position = getattr(self, f"_in_{self.state}")(text, position)
        self.offset = 0

    def _in_text(self, text: str, position: int) -> int:
        if self.stack and self.stack[-1].name in ("mj-style", "style"):
            return self._css(text, position)
        begin = text.find("<", position)
        shown = text[position : begin if begin >= 0 else len(text)]
        if shown.strip() and not self._holds_text():
            self.offset += len(shown) - len(shown.lstrip())
            raise self.error("text cannot stand here", fix="put it into <mj-text>")
        self.emit(ascii_html(shown) if self._holds_text() else shown)
        if begin < 0:
            return len(text)
        self.offset = begin
        if text.startswith("<!--", begin):
            self.state = "comment"
            self.comment: list[str | Token] = []
            return begin + 4
        if match := _END.match(text, begin):
            self._close(match[1])
            return match.end()
        if match := _TAG.match(text, begin):
            self.state, self.tag, self.attributes = "tag", match[1], set()
            self._check_tag(match[1])
            self.emit(f"<{match[1]}")
            return match.end()
        raise self.error("a bare < in the text", fix="write &lt;")

    def _holds_text(self) -> bool:
        return any(element.name in facts.CONTENT for element in self.stack)

    def _css(self, text: str, position: int) -> int:
        end = text.find("</", position)
        shown = text[position : end if end >= 0 else len(text)]
        self.css += shown
        self.emit(_css_ascii(shown))
        if end < 0:
            return len(text)
        match = _END.match(text, end)
        if not match:
            raise self.error("the style has no end", fix="close it with </mj-style>")
        found = _STRUCTURAL.search(re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", self.css, flags=re.S))
        if found:
            raise self.error(
                f"the selector {found[0].strip()!r} depends on what stands beside an element, which differs"
                " from mail to mail",
                fix="give the element a css-class and select that",
            )
        self.css = ""
        self._close(match[1])
        return match.end()

    def _in_comment(self, text: str, position: int) -> int:
        end = text.find("-->", position)
        self.comment.append(ascii_html(text[position : end if end >= 0 else len(text)]))
        if end < 0:
            return len(text)
        self.state = "text"
        conditional = isinstance(self.comment[0], str) and self.comment[0].lstrip().startswith(("[if", "<!["))
        if conditional and self._holds_text():
            self.emit("<!--")
            for piece in self.comment:
                if isinstance(piece, str):
                    self.emit(piece)
                else:
                    self.token(piece)
            self.emit("-->")
        elif any(isinstance(piece, Token) for piece in self.comment):
            raise self.error("this comment holds code", fix="use {# … #} for what nobody is to read")
        return end + 3

    def _check_tag(self, name: str) -> None:
        if name == "mj-include":
            raise self.error("mj-include is not read", fix='write {% include "partials/name.mjml" %}')
        if name.startswith("mj") and name not in facts.TAGS:
            raise self.error(f"there is no <{name}>", fix=did_you_mean(name, facts.TAGS))
        if name == "mj-html-attributes":
            raise self.error("mj-html-attributes is not supported", fix="write the attribute on the element")
        if name in ("script", "iframe", "object", "embed", "form") and self._holds_text():
            raise self.error(f"<{name}> does not work in mail", fix="take it out")
        parent = self.stack[-1].name if self.stack else ""
        if not name.startswith("mj") and not self._holds_text():
            raise self.error(f"<{name}> cannot stand in <{parent}>", fix="put it into <mj-text> or <mj-raw>")
        if name == "a" and any(element.name in _LINKS for element in self.stack):
            raise self.error("a link inside a link", fix="close the first, or leave the inner one out")
        if len(self.stack) > 100:
            raise self.error("more than 100 elements within each other", fix="nest less deeply")

    # -- tags and attributes -----------------------------------------------------------------------------
    def _in_tag(self, text: str, position: int) -> int:
        if match := _CLOSE.match(text, position):
            self._open(match[1] == "/>")
            return match.end()
        match = _ATTRIBUTE.match(text, position)
        if not match:
            if not text[position:].strip():
                return len(text)
            raise self.error(f"<{self.tag}> cannot be read here", fix='write attributes as name="value"')
        self.attribute = match[1].lower()
        if self.attribute in self.attributes:
            raise self.error(f"the attribute {self.attribute!r} stands here twice", fix="keep one of the two")
        self.attributes.add(self.attribute)
        if not match[2]:
            self.emit(f' {match[1]}="{match[1]}"')
            return match.end()
        quote = text[match.end() : match.end() + 1]
        if quote not in ('"', "'"):
            self.offset = match.end()
            raise self.error(f"the value of {match[1]} needs quotes", fix=f'write {match[1]}="…"')
        self.state, self.quote, self.value = "value", quote, []
        return match.end() + 1

    def _in_value(self, text: str, position: int) -> int:
        end = text.find(self.quote, position)
        found = text[position : end if end >= 0 else len(text)]
        if "<" in found and self.tag.startswith("mj"):
            raise self.error(f"a < in the value of {self.attribute}", fix="write &lt;, or close the quote")
        if found:
            self.value.append(("data", found))
        if end < 0:
            return len(text)
        self.state = "tag"
        self._attribute()
        return end + 1

    def _attribute(self) -> None:
        """An attribute is whole: constant, or one token for all of its value."""
        if self.attribute.startswith("on"):
            raise self.error(f"{self.attribute} is a script, which no mail runs", fix="take it out")
        escape = facts.context(self.tag, self.attribute)
        if all(kind != "code" for kind, _ in self.value):
            constant = "".join(self._constant(str(text), kind) for kind, text in self.value)
            constant = " ".join(constant.split()) if self._collapses() else constant.replace("\n", "&#10;")
            if escape == "_url":
                self._check_link(unescape(constant))
            self.emit(f' {self.attribute}="{constant}"')
            return
        if facts.fixed(self.tag, self.attribute):
            raise self.error(
                f"{self.attribute} of <{self.tag}> must be known when the template is compiled",
                fix="write a constant (brand.… and campaign.values.… are), or one block for each value",
            )
        if escape == "_url":
            token = self._link()
        elif self.tag.startswith("mj") or self.attribute != "style":
            token = Token(tuple(self._pieces(escape)), self._kind(), self.number)
        else:
            self._style()
            return
        self.token(token, f' {self.attribute}="{{}}"')

    def _kind(self) -> str:
        names = {element.name for element in self.stack}
        return "default" if "mj-attributes" in names else "leaf"

    def _collapses(self) -> bool:
        return self.tag.startswith("mj") or self.attribute == "style"

    def _constant(self, text: str, kind: str) -> str:
        text = text if kind == "data" else text.replace("&", "&amp;")
        text = text.replace("<", "&lt;").replace('"', "&#34;").replace("\\", "&#92;").replace("\t", " ")
        return ascii_html(text)

    def _pieces(self, escape: str) -> list[Piece]:
        pieces: list[Piece] = []
        for kind, value in self.value:
            if kind == "code":
                pieces.append(Code(int(str(value)), escape))
            else:
                pieces.append(self._constant(str(value), kind).replace("\n", " "))
        return pieces

    def _style(self) -> None:
        """The style of an HTML element: each value in it is a token of its own."""
        self.emit(' style="')
        for kind, value in self.value:
            if kind != "code":
                self.emit(" ".join(self._constant(str(value), kind).split("\n")))
            else:
                self.token(Token((Code(int(str(value)), "_css"),), "leaf", self.number))
        self.emit('"')

    def _check_link(self, link: str) -> None:
        try:
            url(link)
        except UnsafeValueError as error:
            raise self.error(str(error), fix="use https:, mailto: or tel:") from error

    def _link(self) -> Token:
        """A link with code in it; checked when it is whole, unless its beginning is constant and safe."""
        pieces: list[Piece] = []
        constant = ""
        for kind, value in self.value:
            if kind == "code":
                asked = "?" in constant or "#" in constant
                pieces.append(Code(int(str(value)), "_query" if asked else "_path"))
            else:
                written = self._constant(str(value), kind).replace("\n", "")
                constant += unescape(written)
                pieces.append(written)
        first = pieces[0]
        safe = isinstance(first, str) and FIXED_SCHEME.match(unescape(first))
        return Token(tuple(pieces), self._kind(), self.number, url=not safe)

    def _open(self, empty: bool) -> None:
        name = self.tag
        self.state = "text"
        if name == "mjml" and "lang" not in self.attributes:
            self.token(Token((Code(LOCALE, "_html"),), "leaf", self.number), ' lang="{}"')
        element = _Element(name, self.segment)
        if name == "mj-column" and self.stack and "width" not in self.attributes:
            self.stack[-1].no_width = self.stack[-1].no_width or self.segment
        if name in facts.VOID:
            self.emit(" />")
        elif empty:
            self.emit(f"></{name}>" if not name.startswith("mj") else " />")
        else:
            self.emit(">")
            self.stack.append(element)

    def _close(self, name: str) -> None:
        if not self.stack or self.stack[-1].name != name:
            opened = self.stack[-1] if self.stack else None
            what = (
                f"</{name}> closes nothing"
                if not opened
                else f"</{name}> stands where </{opened.name}> is due"
            )
            fix = None if not opened else f"<{opened.name}> was opened at {opened.segment.source.file}"
            raise self.error(what, fix=fix)
        if self.controls and self.controls[-1][1] > len(self.stack) - 1:
            tag = self.controls[-1][0]
            raise tag.error(
                f"{{% {tag.word} %}} opens inside <{name}>, which closes before it ends",
                fix=f"close it with {{% {NAMES.get(tag.word, 'end' + tag.word)} %}} before </{name}>",
            )
        element = self.stack.pop()
        if element.control and element.no_width and name in ("mj-section", "mj-group"):
            raise element.control.error(
                "columns come and go here, and a column beside has no width of its own",
                fix="give every mj-column of the section a width, or put the condition around the section",
            )
        self.emit(f"</{name}>")

    # -- code --------------------------------------------------------------------------------------------
    def constant(self, text: str) -> None:
        """A value that is known when compiling, put in as if the author had written it."""
        if self.state == "value":
            self.value.append(("const", text))
        elif self.state == "text" and self.stack and self.stack[-1].name in ("mj-style", "style"):
            if re.search(r"[<>{}@\\]|/\*", text):
                raise self.error("this value cannot stand in a style", fix="a colour, a size or a font")
            self.css += text
            self.emit(_css_ascii(text))
        elif self.state == "comment":
            self.comment.append(ascii_html(text.replace("-->", "")))
        elif self.state == "text":
            self._need_text()
            self.emit(ascii_html(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")))
        else:
            raise self._in_the_tag()

    def code(self, segment: Segment) -> None:
        if segment.kind != "expr":
            self._nest(segment)
        if self.state == "value":
            self.value.append(("code", self.number))
            if segment.kind == "tag" and self.attribute == "style" and not self.tag.startswith("mj"):
                raise self.error("a tag cannot stand in a style", fix="write {{ a if condition else b }}")
            return
        if self.state == "tag":
            raise self._in_the_tag()
        kind = {"expr": "leaf", "tag": "control", "mark": "mark"}[segment.kind]
        escape = "_html" if kind == "leaf" else ""
        token = Token((Code(self.number, escape),), kind, self.number)
        if self.state == "comment":
            self.comment.append(token)
            return
        parent = self.stack[-1].name if self.stack else ""
        if parent in ("mj-style", "style"):
            fix = "use brand.… or campaign.values.… here, or a class with the condition around the element"
            raise self.error("a style is the same for everyone", fix=fix)
        if self._holds_text():
            self.token(token)
        elif kind == "leaf":
            self._need_text()
        elif parent in facts.STRUCTURE:
            self.stack[-1].control = self.stack[-1].control or segment
            self.token(token, "<mj-raw>{}</mj-raw>")
        elif parent in facts.COMMENTED:
            self.token(token, "<!--{}-->")
        else:
            where = f"in <{parent}>" if parent else "outside of <mjml>"
            raise self.error(f"{{% {segment.word} %}} cannot stand {where}", fix="move it into <mj-body>")

    def _in_the_tag(self) -> TemplateError:
        return self.error(
            f"code inside the tag <{self.tag}>, outside of any value",
            fix="put the condition inside a value, or around the whole element",
        )

    def _need_text(self) -> None:
        if not self._holds_text():
            raise self.error("a value cannot stand here", fix="put it into <mj-text>")

    def _nest(self, segment: Segment) -> None:
        """Control tags open and close in the same element."""
        word = segment.word if segment.kind == "tag" else segment.text.split(":")[0]
        level = len(self.stack) + (1000 if self.state == "value" else 0)
        if word in NAMES or word in ("slot", "block"):
            if word == "slot" and self.controls:
                raise segment.error(
                    "a slot cannot stand inside {% if %} or {% for %}", fix="use the block's `when`"
                )
            self.controls.append((segment, level))
        elif word in _MIDDLES or word in NAMES.values() or word in ("endslot", "endblock"):
            opened = self.controls[-1] if self.controls else None
            if opened is None:
                raise segment.error(f"{{% {word} %}} closes nothing", fix="take it out")
            if opened[1] != level:
                raise segment.error(
                    f"{{% {word} %}} does not stand in the same element as its {{% {opened[0].word} %}}",
                    fix="open and close it between the same two tags",
                )
            if word not in _MIDDLES:
                self.controls.pop()

    def finish(self) -> Placed:
        if self.state != "text":
            raise self.error(f"<{self.tag}> has no end", fix="close the tag, its quote or the comment")
        if self.controls:
            tag = self.controls[-1][0]
            raise tag.error(f"{{% {tag.word} %}} has no end", fix=f"close it with {{% end{tag.word} %}}")
        if self.stack:
            opened = self.stack[-1]
            raise opened.segment.error(f"<{opened.name}> has no end", fix=f"close it with </{opened.name}>")
        return Placed("".join(self.out), self.tokens, self.jinja, self.prefix)


def _letters(number: int) -> str:
    letters = ""
    for _ in range(TOKEN_LENGTH):
        number, digit = divmod(number, 26)
        letters = chr(97 + digit) + letters
    return letters


def _css_ascii(text: str) -> str:
    return "".join(char if ord(char) < 128 else f"\\{ord(char):x} " for char in text)
