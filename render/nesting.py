"""Which elements and control tags are open, and what may not stand, open or close there."""

from __future__ import annotations

from dataclasses import dataclass

from mailwright.errors import did_you_mean
from render import mjml_facts as facts
from render.placed import Cursor
from render.source import Segment

MAX_DEPTH = 100
"""Elements within each other."""
_ENDS = {"if": "endif", "for": "endfor", "with": "endwith"}
_MIDDLES = ("else", "elif")
_LINKS = frozenset(["a", "mj-button", "mj-navbar-link", "mj-social-element"])
_ACTIVE = frozenset(["script", "iframe", "object", "embed", "form"])


@dataclass
class _Element:
    name: str
    segment: Segment
    control: Segment | None = None
    """The first control tag that stands directly in it."""
    no_width: Segment | None = None
    """The first column in it that has no width of its own."""


class Nesting:
    """The open elements and control tags; errors are said at the cursor."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._open: list[_Element] = []
        self._controls: list[tuple[Segment, int]] = []

    @property
    def parent(self) -> str:
        """The innermost open element; empty outside of all."""
        return self._open[-1].name if self._open else ""

    def inside(self, name: str) -> bool:
        return any(element.name == name for element in self._open)

    @property
    def holds_text(self) -> bool:
        return any(element.name in facts.CONTENT for element in self._open)

    # -- elements ----------------------------------------------------------------------------------------
    def check(self, name: str) -> None:
        """Raises TemplateError for an element that does not exist or may not stand here."""
        error = self._cursor.error
        if name == "mj-include":
            raise error("mj-include is not read", fix='write {% include "partials/name.mjml" %}')
        if name.startswith("mj") and name not in facts.TAGS:
            raise error(f"there is no <{name}>", fix=did_you_mean(name, facts.TAGS))
        if name == "mj-html-attributes":
            raise error("mj-html-attributes is not supported", fix="write the attribute on the element")
        if name in _ACTIVE and self.holds_text:
            raise error(f"<{name}> does not work in mail", fix="take it out")
        if not name.startswith("mj") and not self.holds_text:
            raise error(f"<{name}> cannot stand in <{self.parent}>", fix="put it into <mj-text> or <mj-raw>")
        if name == "a" and any(element.name in _LINKS for element in self._open):
            raise error("a link inside a link", fix="close the first, or leave the inner one out")
        if len(self._open) > MAX_DEPTH:
            raise error(f"more than {MAX_DEPTH} elements within each other", fix="nest less deeply")

    def begin(self, name: str, *, empty: bool, has_width: bool) -> None:
        """An element begins; an empty one ends at once."""
        if name == "mj-column" and self._open and not has_width:
            self._open[-1].no_width = self._open[-1].no_width or self._cursor.segment
        if not empty:
            self._open.append(_Element(name, self._cursor.segment))

    def end(self, name: str) -> None:
        """An element ends, and nothing that was opened in it is left open."""
        if self.parent != name:
            raise self._crossed(name)
        if self._controls and self._controls[-1][1] > len(self._open) - 1:
            tag = self._controls[-1][0]
            raise tag.error(
                f"{{% {tag.word} %}} opens inside <{name}>, which closes before it ends",
                fix=f"close it with {{% {_ENDS.get(tag.word, 'end' + tag.word)} %}} before </{name}>",
            )
        element = self._open.pop()
        if element.control and element.no_width and name in ("mj-section", "mj-group"):
            raise element.control.error(
                "columns come and go here, and a column beside has no width of its own",
                fix="give every mj-column of the section a width, or put the condition around the section",
            )

    def _crossed(self, name: str) -> Exception:
        if not self._open:
            return self._cursor.error(f"</{name}> closes nothing")
        due = self._open[-1]
        what = f"</{name}> stands where </{due.name}> is due"
        return self._cursor.error(what, fix=f"<{due.name}> was opened at {due.segment.source.file}")

    # -- control tags ------------------------------------------------------------------------------------
    def stands(self, control: Segment) -> None:
        """A control tag or mark stands directly in the innermost element."""
        self._open[-1].control = self._open[-1].control or control

    def nest(self, segment: Segment, *, in_value: bool) -> None:
        """Control tags open and close in the same element, or in the same value."""
        word = segment.word if segment.kind == "tag" else segment.text.split(":")[0]
        level = len(self._open) + (1000 if in_value else 0)
        if word in _ENDS or word in ("slot", "block"):
            if word == "slot" and self._controls:
                raise segment.error(
                    "a slot cannot stand inside {% if %} or {% for %}", fix="use the block's `when`"
                )
            self._controls.append((segment, level))
        elif word in _MIDDLES or word in _ENDS.values() or word in ("endslot", "endblock"):
            opened = self._controls[-1] if self._controls else None
            if opened is None:
                raise segment.error(f"{{% {word} %}} closes nothing", fix="take it out")
            if opened[1] != level:
                raise segment.error(
                    f"{{% {word} %}} does not stand in the same element as its {{% {opened[0].word} %}}",
                    fix="open and close it between the same two tags",
                )
            if word not in _MIDDLES:
                self._controls.pop()

    def finish(self) -> None:
        """Raises TemplateError for what is still open."""
        if self._controls:
            tag = self._controls[-1][0]
            raise tag.error(f"{{% {tag.word} %}} has no end", fix=f"close it with {{% end{tag.word} %}}")
        if self._open:
            opened = self._open[-1]
            raise opened.segment.error(f"<{opened.name}> has no end", fix=f"close it with </{opened.name}>")
