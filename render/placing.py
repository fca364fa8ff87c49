"""Where each piece of a template stands in the MJML, and the MJML with a token in place of each.

``place`` walks the written-out template once, as MJML: it knows the open elements, whether it is in text, in
a tag, in an attribute's value, in a comment or in CSS. From that follow three things: how a value must be
escaped there, what cannot work there (refused with file, line and fix), and which form of token survives
MJML and the inliner there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailwright.errors import TemplateError
from render import mjml_facts as facts
from render.attributes import Attribute
from render.escapes import ascii_html
from render.nesting import Nesting
from render.placed import LOCALE, Code, Cursor, Output, Placed, Token
from render.source import Segment

_TAG = re.compile(r"<([a-zA-Z][\w:-]*)")
_END = re.compile(r"</([a-zA-Z][\w:-]*)\s*>")
_ATTRIBUTE = re.compile(r"\s*([a-zA-Z_:@][\w:.-]*)(\s*=\s*)?")
_CLOSE = re.compile(r"\s*(/?>)")
_STRUCTURAL = re.compile(
    r"(?<!:):(?:first|last|nth|only)-|:empty|:has\(|[^\s,(]\s*[+~]\s*[.#\w\[:*]|\[[^\]]*[\^$*|]="
    r"|\[\s*(?!class\b|id\b|role\b|type\b|dir\b)[\w-]+\s*~?="
)
_STYLES = ("mj-style", "style")
_PREFIXES = ("zqj", "zqx", "jqz", "qzj", "xqz")


def place(segments: Sequence[Segment]) -> Placed:
    """Put tokens into the MJML. Raises TemplateError for what cannot work, at its place."""
    walk = _Walk(segments)
    for number, segment in enumerate(segments):
        walk.cursor.number, walk.cursor.segment = number, segment
        if segment.kind == "data":
            walk.data(segment.text)
        elif segment.kind == "const":
            walk.constant(segment.text)
        else:
            walk.code(segment)
    return walk.finish()


class _Walk:
    """The MJML read once, from one state (``text``, ``tag``, ``value``, ``comment``) to the next."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        whole = "".join(segment.text for segment in segments)
        self.output = Output(next(prefix for prefix in _PREFIXES if prefix not in whole))
        self.cursor = Cursor(segments[0])
        self.error = self.cursor.error
        self.nesting = Nesting(self.cursor)
        self.state = "text"
        self.tag = ""
        self.names: set[str] = set()
        """The attributes of the tag so far."""
        self.attribute = Attribute("", "", "")
        self.comment: list[str | Token] = []
        self.css = ""

    def finish(self) -> Placed:
        if self.state != "text":
            raise self.error(f"<{self.tag}> has no end", fix="close the tag, its quote or the comment")
        self.nesting.finish()
        return self.output.finished()

    # -- constant text -----------------------------------------------------------------------------------
    def data(self, text: str) -> None:
        states = {"text": self._text, "tag": self._tag, "value": self._value, "comment": self._comment}
        position = 0
        while position < len(text):
            self.cursor.offset = position
            position = states[self.state](text, position)
        self.cursor.offset = 0

    def _text(self, text: str, position: int) -> int:
        if self.nesting.parent in _STYLES:
            return self._css(text, position)
        begin = text.find("<", position)
        shown = text[position : begin if begin >= 0 else len(text)]
        holds_text = self.nesting.holds_text
        if shown.strip() and not holds_text:
            self.cursor.offset += len(shown) - len(shown.lstrip())
            raise self.error("text cannot stand here", fix="put it into <mj-text>")
        self.output.emit(ascii_html(shown) if holds_text else shown)
        if begin < 0:
            return len(text)
        self.cursor.offset = begin
        if text.startswith("<!--", begin):
            self.state, self.comment = "comment", []
            return begin + 4
        if match := _END.match(text, begin):
            self._close(match[1])
            return match.end()
        if match := _TAG.match(text, begin):
            self.state, self.tag, self.names = "tag", match[1], set()
            self.nesting.check(match[1])
            self.output.emit(f"<{match[1]}")
            return match.end()
        raise self.error("a bare < in the text", fix="write &lt;")

    def _css(self, text: str, position: int) -> int:
        end = text.find("</", position)
        shown = text[position : end if end >= 0 else len(text)]
        self.css += shown
        self.output.emit(_css_ascii(shown))
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

    def _comment(self, text: str, position: int) -> int:
        end = text.find("-->", position)
        self.comment.append(ascii_html(text[position : end if end >= 0 else len(text)]))
        if end < 0:
            return len(text)
        self.state = "text"
        conditional = isinstance(self.comment[0], str) and self.comment[0].lstrip().startswith(("[if", "<!["))
        if conditional and self.nesting.holds_text:
            self.output.emit("<!--")
            for piece in self.comment:
                if isinstance(piece, str):
                    self.output.emit(piece)
                else:
                    self.output.token(piece)
            self.output.emit("-->")
        elif any(isinstance(piece, Token) for piece in self.comment):
            raise self.error("this comment holds code", fix="use {# … #} for what nobody is to read")
        return end + 3

    # -- tags and attributes -----------------------------------------------------------------------------
    def _tag(self, text: str, position: int) -> int:
        if match := _CLOSE.match(text, position):
            self._open(match[1] == "/>")
            return match.end()
        match = _ATTRIBUTE.match(text, position)
        if not match:
            if not text[position:].strip():
                return len(text)
            raise self.error(f"<{self.tag}> cannot be read here", fix='write attributes as name="value"')
        name = match[1].lower()
        if name in self.names:
            raise self.error(f"the attribute {name!r} stands here twice", fix="keep one of the two")
        self.names.add(name)
        if not match[2]:
            self.output.emit(f' {match[1]}="{match[1]}"')
            return match.end()
        quote = text[match.end() : match.end() + 1]
        if quote not in ('"', "'"):
            self.cursor.offset = match.end()
            raise self.error(f"the value of {match[1]} needs quotes", fix=f'write {match[1]}="…"')
        self.state, self.attribute = "value", Attribute(self.tag, name, quote)
        return match.end() + 1

    def _value(self, text: str, position: int) -> int:
        attribute = self.attribute
        end = text.find(attribute.quote, position)
        found = text[position : end if end >= 0 else len(text)]
        if "<" in found and self.tag.startswith("mj"):
            raise self.error(f"a < in the value of {attribute.name}", fix="write &lt;, or close the quote")
        if found:
            attribute.parts.append(("data", found))
        if end < 0:
            return len(text)
        self.state = "tag"
        attribute.place(self.output, self.cursor, inherited=self.nesting.inside("mj-attributes"))
        return end + 1

    def _open(self, empty: bool) -> None:
        name = self.tag
        self.state = "text"
        if name == "mjml" and "lang" not in self.names:
            self.output.token(Token((Code(LOCALE, "_html"),), "leaf", self.cursor.number), ' lang="{}"')
        void = name in facts.VOID
        self.nesting.begin(name, empty=empty or void, has_width="width" in self.names)
        if void or (empty and name.startswith("mj")):
            self.output.emit(" />")
        else:
            self.output.emit(f"></{name}>" if empty else ">")

    def _close(self, name: str) -> None:
        self.nesting.end(name)
        self.output.emit(f"</{name}>")

    # -- code --------------------------------------------------------------------------------------------
    def constant(self, text: str) -> None:
        """A value that is known when compiling, put in as if the author had written it."""
        if self.state == "value":
            self.attribute.parts.append(("const", text))
        elif self.state == "text" and self.nesting.parent in _STYLES:
            if re.search(r"[<>{}@\\]|/\*", text):
                raise self.error("this value cannot stand in a style", fix="a colour, a size or a font")
            self.css += text
            self.output.emit(_css_ascii(text))
        elif self.state == "comment":
            self.comment.append(ascii_html(text.replace("-->", "")))
        elif self.state == "text":
            self._need_text()
            escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            self.output.emit(ascii_html(escaped))
        else:
            raise self._in_the_tag()

    def code(self, segment: Segment) -> None:
        """A value, a control tag or a mark, in the form of token that survives where it stands."""
        if segment.kind != "expr":
            self.nesting.nest(segment, in_value=self.state == "value")
        if self.state == "value":
            self.attribute.parts.append(("code", self.cursor.number))
            if segment.kind == "tag" and self.attribute.name == "style" and not self.tag.startswith("mj"):
                raise self.error("a tag cannot stand in a style", fix="write {{ a if condition else b }}")
            return
        if self.state == "tag":
            raise self._in_the_tag()
        kind = {"expr": "leaf", "tag": "control", "mark": "mark"}[segment.kind]
        escape = "_html" if kind == "leaf" else ""
        token = Token((Code(self.cursor.number, escape),), kind, self.cursor.number)
        if self.state == "comment":
            self.comment.append(token)
            return
        parent = self.nesting.parent
        if parent in _STYLES:
            fix = "use brand.…, theme.… or campaign.values.…, or a class and the condition around the element"
            raise self.error("a style is the same for everyone", fix=fix)
        if self.nesting.holds_text:
            self.output.token(token)
        elif kind == "leaf":
            self._need_text()
        elif parent in facts.STRUCTURE:
            self.nesting.stands(segment)
            self.output.token(token, "<mj-raw>{}</mj-raw>")
        elif parent in facts.COMMENTED:
            self.output.token(token, "<!--{}-->")
        else:
            where = f"in <{parent}>" if parent else "outside of <mjml>"
            held = parent in facts.OTHER  # a carousel, an accordion's element: MJML counts their children
            fix = f"put it around the whole <{parent}>" if held else "move it into <mj-body>"
            raise self.error(f"{{% {segment.word} %}} cannot stand {where}", fix=fix)

    def _in_the_tag(self) -> TemplateError:
        return self.error(
            f"code inside the tag <{self.tag}>, outside of any value",
            fix="put the condition inside a value, or around the whole element",
        )

    def _need_text(self) -> None:
        if not self.nesting.holds_text:
            raise self.error("a value cannot stand here", fix="put it into <mj-text>")


def _css_ascii(text: str) -> str:
    return "".join(char if ord(char) < 128 else f"\\{ord(char):x} " for char in text)
