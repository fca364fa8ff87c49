"""A template and everything that it names, written out as one list of segments.

Slots hold all their candidate blocks between marks, includes and cards stand in place, and a macro is
written out at each call. What is left is plain Jinja over MJML, so that all of it goes through MJML once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mailwright.errors import did_you_mean
from render.library import Block, Library
from render.macros import Macros, called, read_macro
from render.source import Segment, Source, cut, trim

MAX_DEPTH = 12
"""How deep includes, cards and macros may stand in each other; deeper is taken for a circle."""
MAX_SEGMENTS = 20_000

_NAME = re.compile(r"[a-z][a-z0-9_-]*$")
_STRING = re.compile(r"""(?:"([^"]*)"|'([^']*)')\s*(optional)?$""")
_CARD = re.compile(r"""(?P<item>.+?)(?:\s+["']?(?P<card>[a-z][a-z0-9_/-]*)["']?)?$""", re.S)
_IMPORT = re.compile(r"""["']([^"']+)["']\s+(?:as\s+(\w+)|import\s+([\w\s,]+))$""")
_ABORT = re.compile(r"abort\s*\(.*\)$", re.S)
_REFUSED = {
    "extends": "write a template with slots instead",
    "block": 'use {% slot "name" %} and a file in blocks/',
    "call": "write the content where it is shown, or as a partial",
    "autoescape": "everything is escaped for the place where it stands",
    "trans": "use {{ t('key') }} and a string table",
    "filter": "use the filter on each expression",
    "do": "use {{ abort(…) }}, or {% set %}",
}


@dataclass(frozen=True)
class Slot:
    """One ``{% slot %}`` of a template and the blocks that may fill it, in the order they are tried."""

    name: str
    optional: bool
    blocks: tuple[Block, ...]
    tag: Segment


@dataclass
class Assembly:
    """The written-out template: ``segments`` in order, and the slots among them."""

    segments: list[Segment]
    slots: dict[str, Slot] = field(default_factory=dict)


def assemble(template: Source, library: Library) -> Assembly:
    """Write out a template. Raises TemplateError where it names what is not there."""
    assembly = Assembly([])
    for segment in _expand(cut(template), library, {}, 0):
        if len(assembly.segments) > MAX_SEGMENTS:
            raise segment.error(
                "the template grows too large", fix="fewer macros and cards within each other"
            )
        if segment.kind == "tag" and segment.word == "slot":
            _slot(segment, library, assembly)
        else:
            assembly.segments.append(segment)
    return assembly


def _slot(tag: Segment, library: Library, assembly: Assembly) -> None:
    match = _STRING.match(tag.rest)
    if not match:
        raise tag.error("a slot has one name, in quotes", fix='write {% slot "hero" %}')
    name = match[1] or match[2] or ""
    if not _NAME.match(name):
        raise tag.error(f"{name!r} cannot name a slot", fix="use small letters, digits, - and _")
    if name in assembly.slots:
        raise tag.error(f"the slot {name!r} stands here twice", fix="give the second one its own name")
    blocks = library.candidates(name)
    optional = match[3] is not None
    if not blocks and not optional:
        known = {block.spec.slot or "" for block in library.blocks.values()}
        fix = did_you_mean(name, known) or f"write a block with `slot: {name}`"
        raise tag.error(f"no block fills the slot {name!r}", fix=fix)
    assembly.slots[name] = Slot(name, optional, blocks, tag)
    mark = assembly.segments.append
    mark(Segment("mark", f"slot:{name}", tag.source, tag.offset))
    for block in blocks:
        mark(Segment("mark", f"block:{block.name}", tag.source, tag.offset))
        for segment in _expand(cut(block.source), library, {}, 0):
            if segment.kind == "tag" and segment.word == "slot":
                raise segment.error("a block cannot hold a slot", fix="put the slot into the template")
            mark(segment)
        mark(Segment("mark", "endblock", tag.source, tag.offset))
    mark(Segment("mark", "endslot", tag.source, tag.offset))


def _expand(segments: Sequence[Segment], library: Library, macros: Macros, depth: int) -> Iterator[Segment]:
    """Includes, cards and macros replaced by what they stand for."""
    if depth > MAX_DEPTH:
        raise segments[0].error("includes, cards or macros stand in a circle", fix="break the circle")
    rest = iter(segments)
    for segment in rest:
        word = segment.word if segment.kind == "tag" else ""
        if word in _REFUSED:
            raise segment.error(f"{{% {word} %}} is not part of the language", fix=_REFUSED[word])
        if word == "include":
            yield from _expand(trim(cut(_partial(segment, library))), library, macros, depth + 1)
        elif word == "card":
            yield from _card(segment, library, macros, depth)
        elif word == "macro":
            name, macro = read_macro(segment, rest)
            macros[name] = macro
        elif word in ("import", "from"):
            macros.update(_imported(segment, library))
        elif segment.kind == "expr" and (found := called(segment, macros)):
            yield from _call(segment, *found, library, macros, depth)
        elif segment.kind == "expr" and _ABORT.match(segment.text):  # writes nothing, and may stand anywhere
            yield Segment("tag", f"set _ = {segment.text}", segment.source, segment.offset)
        else:
            yield segment


def _partial(tag: Segment, library: Library, path: str | None = None) -> Source:
    match = _STRING.match(tag.rest)
    name = path or (match and (match[1] or match[2]))
    if not name:
        raise tag.error("an include names one file, in quotes", fix='{% include "partials/footer.mjml" %}')
    if name not in library.partials:
        known = did_you_mean(name, library.partials)
        fix = known or "put the file into blocks/partials/ of the workspace"
        raise tag.error(f"there is no partial {name!r} in blocks/ or templates/", fix=fix)
    return library.partials[name]


def _card(tag: Segment, library: Library, macros: Macros, depth: int) -> Iterator[Segment]:
    match = _CARD.match(tag.rest)
    if not match:
        raise tag.error("a card shows one item", fix="write {% card item %} or {% card item row %}")
    name = match["card"] or "product"
    if name not in library.cards:
        fix = did_you_mean(name, library.cards) or f"write blocks/cards/{name}.mjml"
        raise tag.error(f"there is no card {name!r}", fix=fix)
    body = _expand(trim(cut(library.cards[name].source)), library, macros, depth + 1)
    yield from _with(tag, {"item": match["item"]}, body)


def _with(at: Segment, values: dict[str, str], body: Iterator[Segment]) -> Iterator[Segment]:
    """``body`` with names bound to expressions; a name bound to itself is left as it is."""
    bound = ", ".join(f"{name}={value}" for name, value in values.items() if name != value)
    if bound:
        yield Segment("tag", f"with {bound}", at.source, at.offset)
    yield from body
    if bound:
        yield Segment("tag", "endwith", at.source, at.offset)


def _imported(tag: Segment, library: Library) -> Macros:
    match = _IMPORT.match(tag.rest)
    if not match:
        fix = '{% from "partials/ui.mjml" import badge %}'
        raise tag.error("an import names a file and what to take from it", fix=fix)
    found: Macros = {}
    rest = iter(cut(_partial(tag, library, match[1])))
    for segment in rest:
        if segment.kind == "tag" and segment.word == "macro":
            name, macro = read_macro(segment, rest)
            found[name] = macro
    if match[2]:
        return {f"{match[2]}.{name}": macro for name, macro in found.items()}
    wanted = [name.strip() for name in match[3].split(",")]
    for name in wanted:
        if name not in found:
            raise tag.error(f"{match[1]} holds no macro {name!r}", fix=did_you_mean(name, found))
    return {name: found[name] for name in wanted}


def _call(
    segment: Segment, name: str, given: str, library: Library, macros: Macros, depth: int
) -> Iterator[Segment]:
    macro = macros[name]
    values = macro.bound(segment, name, given)
    yield from _with(segment, values, _expand(macro.body, library, macros, depth + 1))
