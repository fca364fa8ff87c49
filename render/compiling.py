"""A campaign compiled once: written out, placed, fired, restored, and turned into straight-line code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, nodes

from mailwright.errors import Location, RenderError, TemplateError
from mailwright.model.campaign import CampaignSpec
from mailwright.model.identity import fingerprint
from mailwright.model.workspace import WorkspaceSpec
from render import cache as disk
from render.assemble import Assembly, Slot, assemble
from render.codegen import Module, write_part
from render.compiled import Code, CompiledBlock, CompiledCampaign, CompiledSlot
from render.constants import INNER, Constants, fold
from render.expressions import RefusedError
from render.formats import zone
from render.library import Block, Library
from render.names import item_fields, visible_names
from render.placing import Placed, place
from render.plaintext import plain_stream
from render.restoring import OPEN, SHUT, Restored, check, check_balance, expression, restore, stream
from render.source import Segment, Source, cut
from rules import RuleCatalog, compile_rule

FORMAT = 1
"""Counted up when the same sources would compile to something else."""
_TOOLS = ("mjml-python", "premailer", "css-inline", "lxml", "jinja2")


@dataclass(frozen=True)
class _Names:
    """What the code of a campaign may name."""

    known: frozenset[str]
    fields: frozenset[str]
    asset: Callable[[str], str]

    def module(self, mode: str, *, record: bool = False) -> Module:
        return Module(mode, self.known, self.fields, self.asset, record)


def compile_campaign(
    name: str,
    campaign: CampaignSpec,
    *,
    library: Library,
    settings: WorkspaceSpec,
    catalog: RuleCatalog,
    asset: Callable[[str], str],
    at: Callable[[str], Location],
    cache: Path | None = None,
) -> CompiledCampaign:
    """Compile a campaign's template with all the blocks of its slots.

    MJML and the inliner run once, or not at all when ``cache`` holds their result for the same input.
    Raises TemplateError, RuleError or ConfigError with file, line and the fix.
    """
    constants = Constants(settings.brand, {"name": name, "values": campaign.values}, asset)
    assembly = assemble(library.template(campaign.template, at=at("template")), library)
    if not assembly.segments:
        raise TemplateError("the template is empty", at=at("template"))
    segments = fold(assembly.segments, constants)
    names = _Names(visible_names(catalog), item_fields(settings), asset)
    _check_code(segments, assembly, names)
    placed = place(segments)
    inlined, stats = disk.fired(placed, settings.inliner, cache, _toolchain(), segments)
    found = stream(inlined, placed)
    check(found, placed, segments)
    html = restore(found, segments, "html")
    text = restore(plain_stream(inlined, placed), segments, "text")
    check_balance(
        html, segments, {block.name: slot.tag for slot in assembly.slots.values() for block in slot.blocks}
    )
    functions = {block: f"block_{index}" for index, block in enumerate(html.blocks)}
    defaults = {block.name: block.spec.defaults for slot in assembly.slots.values() for block in slot.blocks}
    lines = {
        "subject": _line(campaign.subject, at("subject")),
        "preheader": _line(campaign.preheader, at("preheader")),
    }
    line_segments = [segment for part in lines.values() for segment in part]
    codes = {
        "html": _code(html, functions, defaults, names.module("html")),
        "recorded": _code(html, functions, defaults, names.module("html", record=True)),
        "text": _code(text, functions, defaults, names.module("text")),
        "line": _line_code(lines, constants, names, len(segments)),
    }
    slots, warnings = _slots(assembly, catalog, settings, functions)
    reads = frozenset().union(*(module.names for _, module in codes.values()))
    print_ = fingerprint(
        FORMAT,
        _toolchain(),
        name,
        campaign.model_dump(mode="json"),
        settings.model_dump(mode="json"),
        [[segment.kind, segment.text] for segment in segments],
        [block.spec.model_dump(mode="json") for slot in assembly.slots.values() for block in slot.blocks],
        dict(library.strings),
        [codes["html"][0].source, codes["text"][0].source, codes["line"][0].source],
    )
    return CompiledCampaign(
        name=name,
        fingerprint=print_,
        spec=campaign,
        settings=settings,
        compiled_slots=slots,
        html=codes["html"][0],
        text=codes["text"][0],
        line=codes["line"][0],
        recorded=codes["recorded"][0],
        names=frozenset(name for name in reads if not name.startswith("@")),
        places=tuple(segment.at for segment in [*segments, *line_segments]),
        strings=library.strings,
        warnings=tuple(warnings),
        stats=stats,
        source=(placed.jinja, tuple((segment.kind, segment.text) for segment in segments)),
        inlined=inlined,
    )


def _toolchain() -> list[str]:
    return [f"{tool} {version(tool)}" for tool in _TOOLS]


def _check_code(segments: Sequence[Segment], assembly: Assembly, names: _Names) -> None:
    """Compile the code alone, one line a segment, so that an error leads to its file and line."""
    parts: dict[str, list[str]] = {"": []}
    current = ""
    for number, segment in enumerate(segments):
        if segment.kind == "mark":
            word, _, block = segment.text.partition(":")
            if word == "block":
                current = block
                parts[current] = [""] * number
            elif word == "endblock":
                parts[""] += [""] * (number - len(parts[""]))
                current = ""
            parts[current].append("")
        elif segment.kind == "expr":
            parts[current].append(expression(segment.text.replace("\n", " "), "_html", number))
        elif segment.kind == "tag":
            parts[current].append(f"{OPEN}% {segment.text.replace(chr(10), ' ')} %{SHUT}")
        else:
            parts[current].append("")
    defaults = {block.name: block.spec.defaults for slot in assembly.slots.values() for block in slot.blocks}
    for name, lines in parts.items():
        try:
            body = parse("\n".join(lines))
            write_part(names.module("html"), "check", body, defaults.get(name))
        except RefusedError as error:
            raise segments[max(0, error.line - 1)].error(error.what, fix=error.fix) from error
        except TemplateSyntaxError as error:
            at = segments[min(len(segments), error.lineno) - 1]
            raise at.error(f"this is not Jinja: {error.message}") from error


def parse(text: str) -> list[nodes.Node]:
    """Compiled text as Jinja's syntax tree."""
    return INNER.parse(text).body


def _code(
    restored: Restored, functions: Mapping[str, str], defaults: Mapping[str, dict[str, Any]], module: Module
) -> tuple[Code, Module]:
    write_part(module, "template", parse(restored.template))
    for block, function in functions.items():
        write_part(module, function, parse(restored.blocks.get(block, "")), defaults.get(block))
    return _finished(module), module


def _finished(module: Module) -> Code:
    return Code(
        module.mode, module.source, tuple(module.origins), tuple(module.fallbacks), tuple(module.arms)
    )


def _line(text: str, at: Location) -> list[Segment]:
    """The segments of a subject or preheader; their places are those in the campaign's file."""
    if "\n" in text.strip():
        raise TemplateError("this holds a line break", at=at, fix="write it on one line")
    before = "\n" * max(0, at.line - 1) + " " * max(0, at.column - 1)
    return cut(Source(at.file, before + text.strip(), len(before)))


def _line_code(
    lines: Mapping[str, Sequence[Segment]], constants: Constants, names: _Names, first: int
) -> tuple[Code, Module]:
    """Subject and preheader: plain text, nothing escaped, line breaks refused when they are rendered."""
    module = names.module("line")
    number = first
    for name, segments in lines.items():
        text = ""
        for segment in fold(segments, constants):
            if segment.kind in ("data", "const"):
                text += segment.text
            elif segment.kind == "tag":
                text += f"{OPEN}% {segment.text} %{SHUT}"
            else:
                text += expression(segment.text, "_html", number)
            number += 1
        try:
            write_part(module, name, parse(text))
        except RefusedError as error:
            raise segments[0].error(error.what, fix=error.fix) from error
        except TemplateSyntaxError as error:
            raise segments[0].error(f"this is not Jinja: {error.message}") from error
    return _finished(module), module


def _slots(
    assembly: Assembly, catalog: RuleCatalog, settings: WorkspaceSpec, functions: Mapping[str, str]
) -> tuple[dict[str, CompiledSlot], list[str]]:
    """The rules of every block compiled, and the promise kept that no slot can stay empty by accident."""
    slots, warnings = {}, []
    for slot in assembly.slots.values():
        blocks = [_block(block, catalog, settings, functions[block.name]) for block in slot.blocks]
        _check_end(slot, blocks)
        last = next((index for index, block in enumerate(blocks) if block.needs_nothing), len(blocks))
        for block in blocks[last + 1 :]:
            warnings.append(
                f"{block.at}: nobody gets the block {block.name!r}: {blocks[last].name!r} comes before it in"
                f" the slot {slot.name!r} and needs nothing\n  fix: give it a higher priority"
            )
        slots[slot.name] = CompiledSlot(slot.name, slot.optional, tuple(blocks))
    return slots, warnings


def _check_end(slot: Slot, blocks: Sequence[CompiledBlock]) -> None:
    if slot.optional or any(block.needs_nothing for block in blocks):
        return
    names = ", ".join(block.name for block in blocks)
    raise slot.tag.error(
        f"the slot {slot.name!r} can stay empty: each of its blocks needs something ({names})",
        fix=f'write a block without when, needs, dates and locale, or {{% slot "{slot.name}" optional %}}',
    )


def _block(block: Block, catalog: RuleCatalog, settings: WorkspaceSpec, function: str) -> CompiledBlock:
    spec = block.spec
    always = spec.when.strip().upper() in ("TRUE", "")
    needs = []
    for index, text in enumerate(spec.needs):
        attribute = catalog.attributes.get(text.strip())
        if attribute is not None and attribute.type != "boolean":
            text = f"{text.strip()} IS NOT NULL"
        needs.append(compile_rule(text, catalog, at=block.places.at("needs", index)))
    return CompiledBlock(
        name=block.name,
        spec=spec,
        at=Location(block.source.file, 1),
        when=None if always else compile_rule(spec.when, catalog, at=block.places.at("when")),
        needs=tuple(needs),
        starts=_instant(spec.starts, settings, end=False),
        ends=_instant(spec.ends, settings, end=True),
        function=function,
    )


def _instant(moment: datetime | date | None, settings: WorkspaceSpec, *, end: bool) -> datetime | None:
    """A date is that whole day in the workspace's time zone; an instant without zone is in it too."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment + timedelta(days=int(end)), time(), zone(settings.timezone))
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(settings.timezone))
    return moment.astimezone(UTC)


__all__ = ["Placed", "RenderError", "compile_campaign", "parse"]
