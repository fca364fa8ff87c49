"""Macros: read where they are written, and their values bound where they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment

from mailwright.errors import did_you_mean
from render.source import Segment, trim

_CALL = re.compile(r"([a-zA-Z_]\w*)(?:\.([a-zA-Z_]\w*))?\s*\((.*)\)$", re.S)
_MACRO = re.compile(r"([a-zA-Z_]\w*)\s*\((.*)\)$", re.S)
_LEXER = Environment(autoescape=False)  # noqa: S701 only cuts text, renders nothing


@dataclass(frozen=True)
class Macro:
    """A macro's body, and its parameters, each with its default or None."""

    parameters: tuple[tuple[str, str | None], ...]
    body: tuple[Segment, ...]

    def bound(self, call: Segment, name: str, given: str) -> dict[str, str]:
        """Parameter → expression, for a call with ``given`` between its brackets."""
        values: dict[str, str] = {}
        for position, part in enumerate(_arguments(given)):
            key, equals, value = part.partition("=")
            named = equals and not value.startswith("=") and key.strip().isidentifier()
            if not named and position >= len(self.parameters):
                what = f"{name}() takes {len(self.parameters)} values"
                raise call.error(what, fix="leave the last one out")
            values[key.strip() if named else self.parameters[position][0]] = value.strip() if named else part
        for parameter, default in self.parameters:
            if parameter not in values:
                if default is None:
                    raise call.error(f"{name}() needs {parameter!r}", fix=f"write {name}(…, {parameter}=…)")
                values[parameter] = default
        known = {parameter for parameter, _ in self.parameters}
        if unknown := sorted(set(values) - known):
            raise call.error(f"{name}() has no {unknown[0]!r}", fix=did_you_mean(unknown[0], known))
        return values


Macros = dict[str, Macro]


def read_macro(tag: Segment, rest: Iterator[Segment]) -> tuple[str, Macro]:
    """Name and macro; ``rest`` is read up to its end."""
    match = _MACRO.match(tag.rest)
    if not match:
        raise tag.error("a macro has a name and parameters", fix="{% macro badge(label) %}…{% endmacro %}")
    body: list[Segment] = []
    for segment in rest:
        if segment.kind == "tag" and segment.word == "endmacro":
            break
        if segment.kind == "tag" and segment.word == "macro":
            raise segment.error("a macro cannot hold a macro", fix="close the first with {% endmacro %}")
        body.append(segment)
    else:
        raise tag.error("this macro has no end", fix="close it with {% endmacro %}")
    parameters = []
    for part in _arguments(match[2]):
        name, _, default = part.partition("=")
        parameters.append((name.strip(), default.strip() or None))
    return match[1], Macro(tuple(parameters), tuple(trim(body)))


def called(segment: Segment, macros: Macros) -> tuple[str, str] | None:
    """Name and text between the brackets, when an expression calls a macro."""
    match = _CALL.match(segment.text)
    if not match:
        return None
    name = f"{match[1]}.{match[2]}" if match[2] else match[1]
    return (name, match[3]) if name in macros else None


def _arguments(text: str) -> list[str]:
    """The parts between the commas that stand in no bracket and no string."""
    parts, depth, part = [], 0, ""
    for _, token, value in _LEXER.lex("{{" + text + "}}"):
        if token in ("variable_begin", "variable_end"):
            continue
        if token == "operator":  # noqa: S105 a kind of token
            depth += (value in "([{") - (value in ")]}")
            if value == "," and depth == 0:
                parts.append(part.strip())
                part = ""
                continue
        part += value
    return [found for found in (*parts, part.strip()) if found]
