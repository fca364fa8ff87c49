"""The code of a campaign checked alone, one line a segment, so that an error leads to its file and line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import TemplateSyntaxError

from render.codegen import write_part
from render.compiled import CompiledSlot
from render.constants import parse
from render.known import known_when_holds
from render.members import Kinds, check_members
from render.missing import Gap, find_gaps
from render.pymodule import Module
from render.reads import RefusedError
from render.restoring import OPEN, SHUT, expression
from render.source import Segment

_FLATTER = "use blocks, or compute it in steps with {% set %}"


@dataclass(frozen=True)
class Names:
    """What the code of a campaign may name."""

    known: frozenset[str]
    attributes: frozenset[str]
    """Those of the profile, declared or computed: an error where they may be missing. Members of items and
    objects are a warning, and the block falls to the next one where they are missing."""
    certain: frozenset[str]
    """Those that are never missing."""
    fields: frozenset[str]
    kinds: Kinds = field(hash=False)
    """What their values are: a member that one cannot have is refused."""
    asset: Callable[[str], str] = field(compare=False)

    def module(self, mode: str, *, record: bool = False, holes: bool = False) -> Module:
        return Module(mode, self.known, self.fields, self.asset, record, holes)


def check_code(segments: Sequence[Segment], slots: Mapping[str, CompiledSlot], names: Names) -> list[str]:
    """Compile the code alone, one line a segment, so that an error leads to its file and line.

    Gives warnings for members of items and objects that may be missing where they are shown.
    """
    blocks = {block.name: block for slot in slots.values() for block in slot.blocks}
    warnings: list[str] = []
    for name, lines in _by_part(segments).items():
        block = blocks.get(name)
        sure = names.certain
        if block is not None:
            sure |= frozenset(block.spec.defaults)
            sure = sure.union(*map(known_when_holds, block.rules))
        warnings += check_lines(lines, segments, names, sure, block.spec.defaults if block else {})
    return warnings


def check_lines(
    lines: Sequence[str], at: Sequence[Segment], names: Names, sure: frozenset[str], defaults: dict[str, Any]
) -> list[str]:
    code = "\n".join(lines)
    try:
        # What neither files nor defaults enter is as it was last time: all of a campaign but what was saved.
        if defaults or "asset" in code:
            gaps = _gaps(code, names, sure, defaults)
        else:
            gaps = _gaps_as_before(code, names, sure)
    except RefusedError as error:
        raise at[max(0, error.line - 1)].error(error.what, fix=error.fix) from error
    except TemplateSyntaxError as error:
        place = at[min(len(at), error.lineno) - 1]
        raise place.error(f"this is not Jinja: {error.message}") from error
    except (RecursionError, MemoryError) as error:
        raise at[0].error("this is nested too deeply", fix=_FLATTER) from error
    warnings = []
    for gap in gaps:
        segment = at[gap.line - 1]
        given = f'write | fallback("…"), put {{% if {gap.path} %}} around it, or add it to the block\'s needs'
        fix = gap.fix or given
        if gap.attribute:
            raise segment.error(f"{gap.path} may be missing here", fix=fix)
        warnings.append(f"{segment.at}: {gap.path} may be missing here; the block then fails\n  fix: {fix}")
    return warnings


def _gaps(code: str, names: Names, sure: frozenset[str], defaults: dict[str, Any]) -> tuple[Gap, ...]:
    """What may be missing in code that can be compiled. Raises RefusedError and TemplateSyntaxError."""
    module, body = names.module("html", record=True), parse(code)
    write_part(module, "check", body, defaults)
    try:
        compile(module.source, "<check>", "exec")
    except SyntaxError as error:  # more loops or arms in one another than Python takes
        number = module.origins[(error.lineno or 1) - 1]
        raise RefusedError("this is nested too deeply", line=number + 1, fix=_FLATTER) from error
    check_members(body, names.kinds)
    return tuple(find_gaps(body, attributes=names.attributes, sure=sure))


@lru_cache(maxsize=1024)
def _gaps_as_before(code: str, names: Names, sure: frozenset[str]) -> tuple[Gap, ...]:
    return _gaps(code, names, sure, {})


def _by_part(segments: Sequence[Segment]) -> dict[str, list[str]]:
    """The code of the template ('') and of each block; in each, line n + 1 is segment n."""
    parts: dict[str, list[str]] = {"": []}
    current = ""
    for number, segment in enumerate(segments):
        word, _, name = segment.text.partition(":") if segment.kind == "mark" else ("", "", "")
        if word == "block":
            current = name
        lines = parts.setdefault(current, [])
        lines += [""] * (number - len(lines))
        lines.append(code_line(segment, number))
        if word == "endblock":
            current = ""
    return parts


def code_line(segment: Segment, number: int) -> str:
    text = segment.text.replace("\n", " ")
    if segment.kind == "expr":
        return expression(text, "_html", number)
    return f"{OPEN}% {text} %{SHUT}" if segment.kind == "tag" else ""
