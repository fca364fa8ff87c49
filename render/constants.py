"""What is known when compiling: ``brand.…``, ``theme.…``, the campaign's name and values, and ``asset(…)``.

Expressions made of nothing else are computed once and put into the MJML as if the author had written the
value, so they may stand anywhere, also where no value can change per recipient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import TemplateSyntaxError, nodes

from mailwright.errors import MailwrightError, SourceError
from render import language
from render.clock import CLOCK_FILTERS
from render.escapes import clean
from render.expressions import Writer
from render.filters import FILTERS, TESTS
from render.formats import LOCAL_FILTERS
from render.language import LimitError, MissingValueError
from render.reads import RefusedError
from render.restoring import INNER, OPEN, SHUT
from render.source import Segment

COMPUTE: dict[str, Any] = {
    **{f"f_{name}": function for name, function in FILTERS.items()},
    **{f"is_{name}": function for name, function in TESTS.items()},
    **{
        name: getattr(language, name)
        for name in (
            "get",
            "part",
            "number",
            "power",
            "add",
            "concat",
            "numbers",
            "sequence",
            "steps",
            "cycle",
            "fallback",
            "counted",
            "joined",
            "literal",
            "MAX_STEPS",
        )
    },
}
"""What generated code may call; Python's own names are not among them."""

MAX_DEPTH = 100
"""Levels of one expression: ``a + b + c`` has two."""

BUILTINS = {"len": len, "enumerate": enumerate, "tuple": tuple}


@dataclass(frozen=True)
class Constants:
    """The constant names, and the pictures that are published."""

    brand: Mapping[str, Any]
    theme: Mapping[str, Any]
    campaign: Mapping[str, Any]
    asset: Callable[[str], str]

    @property
    def row(self) -> dict[str, Any]:
        return {"brand": self.brand, "theme": self.theme, "campaign": self.campaign}


@lru_cache(maxsize=2048)
def parse(text: str) -> list[nodes.Node]:
    """Code between the inner delimiters as Jinja's syntax tree, which nobody changes."""
    return INNER.parse(text).body


def parse_expression(segment: Segment) -> nodes.Expr:
    """The expression of a segment. Raises TemplateError for its syntax."""
    text = segment.text.replace("\n", " ")
    try:
        body = parse(f"{OPEN}{{ ({text}) }}{SHUT}")
    except (TemplateSyntaxError, RecursionError) as error:
        message = getattr(error, "message", None) or "nested too deeply"
        raise segment.error(f"this is not an expression: {message}") from error
    output = body[0] if body else None
    if not isinstance(output, nodes.Output) or len(output.nodes) != 1:
        raise segment.error("this is not one expression", fix="write one value between {{ and }}")
    if is_deep(output):
        raise segment.error("this is nested too deeply", fix="compute it in steps, with {% set %}")
    return output.nodes[0]


@lru_cache(maxsize=4096)
def is_deep(node: nodes.Node) -> bool:
    """Whether a tree has more levels than those who walk over it can take."""
    level, depth = [node], 0
    while level and depth <= MAX_DEPTH:
        level, depth = [child for one in level for child in one.iter_child_nodes()], depth + 1
    return bool(level)


def fold(segments: Sequence[Segment], constants: Constants) -> list[Segment]:
    """The segments with every constant expression replaced by its value. Raises TemplateError."""
    folded = []
    for segment in segments:
        if segment.kind == "expr" and is_constant(node := parse_expression(segment)):
            value = _value(segment, node, constants)
            folded.append(Segment("const", value, segment.source, segment.offset))
        else:
            folded.append(segment)
    return folded


@lru_cache(maxsize=4096)
def is_constant(node: nodes.Node) -> bool:
    """Whether nothing that belongs to a recipient, a run or a language enters an expression."""
    for name in _all(node, nodes.Name):
        if name.name not in ("brand", "theme", "campaign", "asset"):
            return False
    if any(filtered.name in LOCAL_FILTERS | CLOCK_FILTERS for filtered in _all(node, nodes.Filter)):
        return False
    return not any(member.attr == "occasion" for member in _all(node, nodes.Getattr))


def _all(node: nodes.Node, kind: type[Any]) -> list[Any]:
    return [*([node] if isinstance(node, kind) else []), *node.find_all(kind)]


def _value(segment: Segment, node: nodes.Node, constants: Constants) -> str:
    writer = Writer(frozenset({"brand", "theme", "campaign"}), asset=constants.asset)
    language.WORK.left = language.MAX_WORK
    try:
        code = compile(writer.write(node), "<constant>", "eval")
        names = {**COMPUTE, "row": constants.row, "__builtins__": BUILTINS}
        return clean(eval(code, names))  # noqa: S307 written by Writer, from a closed language
    except RefusedError as error:
        raise segment.error(error.what, fix=error.fix) from error
    except MissingValueError as error:
        fix = 'set it in mailwright.yaml, or write | fallback("…")'
        raise segment.error(f"{segment.text!r} is not set", fix=fix) from error
    except SourceError:
        raise
    except MailwrightError as error:
        raise segment.error(error.what, fix=error.fix) from error
    except (LimitError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise segment.error(f"{segment.text!r} cannot be computed: {error}") from error
