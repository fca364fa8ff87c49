"""A campaign compiled once: written out, placed, fired, restored, and turned into straight-line code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, nodes

from mailwright.errors import Location, TemplateError
from mailwright.model.campaign import CampaignSpec
from mailwright.model.identity import fingerprint
from mailwright.model.schema import PROFILE_ATTRIBUTES
from mailwright.model.workspace import WorkspaceSpec
from render import cache as disk
from render.assemble import Assembly, Slot, assemble
from render.codegen import write_part
from render.compiled import Code, CompiledBlock, CompiledCampaign, CompiledSlot, TemplateText
from render.constants import INNER, Constants, fold
from render.expressions import RefusedError
from render.formats import zone
from render.known import known_when_holds
from render.library import Block, Library
from render.missing import find_gaps
from render.names import certain_names, item_fields, visible_names
from render.placing import place
from render.plaintext import plain_stream
from render.pymodule import Module
from render.restoring import OPEN, SHUT, Restored, check, check_balance, expression, restore, stream
from render.source import Segment, Source, cut
from rules import RuleCatalog, compile_rule

MAX_CANDIDATES = 62
"""Blocks of one slot: their eligibility travels as bits of an integer."""
FORMAT = 1
"""Counted up when the same sources would compile to something else."""
_TOOLS = ("mjml-python", "premailer", "css-inline", "lxml", "jinja2")


@dataclass(frozen=True)
class _Names:
    """What the code of a campaign may name."""

    known: frozenset[str]
    attributes: frozenset[str]
    """Those that the workspace declares; what is computed (features) may be missing with a warning only."""
    certain: frozenset[str]
    """Those that are never missing."""
    fields: frozenset[str]
    asset: Callable[[str], str]

    def module(self, mode: str, *, record: bool = False, holes: bool = False) -> Module:
        return Module(mode, self.known, self.fields, self.asset, record, holes)


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
    assets: dict[str, str] = {}
    asset = _noting(asset, assets)
    constants = Constants(settings.brand, {"name": name, "values": campaign.values}, asset)
    assembly = assemble(library.template(campaign.template, at=at("template")), library)
    if not assembly.segments:
        raise TemplateError("the template is empty", at=at("template"))
    segments = fold(assembly.segments, constants)
    names = _Names(
        known=visible_names(catalog),
        attributes=frozenset({**PROFILE_ATTRIBUTES, **settings.profile}),
        certain=certain_names(catalog.attributes),
        fields=item_fields(settings),
        asset=asset,
    )
    placed = place(segments)
    functions = {name: f"block_{index}" for index, name in enumerate(_block_names(assembly))}
    slots, warnings = _slots(assembly, catalog, settings, functions)
    warnings += _check_code(segments, slots, names)
    inlined, stats = disk.fired(placed, settings.inliner, cache, _toolchain(), segments)
    found = stream(inlined, placed)
    check(found, placed, segments)
    html = restore(found, segments, "html")
    text = restore(plain_stream(inlined, placed), segments, "text")
    tags = {block.name: slot.tag for slot in assembly.slots.values() for block in slot.blocks}
    check_balance(html, tags)
    defaults = {block.name: block.spec.defaults for slot in assembly.slots.values() for block in slot.blocks}
    lines = {
        "subject": _line(campaign.subject, at("subject")),
        "preheader": _line(campaign.preheader, at("preheader")),
    }
    line_segments = [segment for part in lines.values() for segment in part]
    trees, text_trees = _trees(html), _trees(text)
    codes = {
        "html": _code(trees, functions, defaults, names.module("html")),
        "recorded": _code(trees, functions, defaults, names.module("html", record=True)),
        "text": _code(text_trees, functions, defaults, names.module("text")),
        "line": _line_code(lines, constants, names, len(segments)),
        "html_holes": _code(trees, functions, defaults, names.module("html", holes=True)),
        "text_holes": _code(text_trees, functions, defaults, names.module("text", holes=True)),
        "line_holes": _line_code(lines, constants, names, len(segments), holes=True),
    }
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
        assets,
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
        holes={mode: codes[f"{mode}_holes"][0] for mode in ("html", "text", "line")},
        names=frozenset(name for name in reads if not name.startswith("@")),
        places=tuple(segment.at for segment in [*segments, *line_segments]),
        strings=library.strings,
        assets=assets,
        warnings=tuple(warnings),
        stats=stats,
        template=TemplateText(
            jinja=tuple(placed.jinja),
            segments=tuple((segment.kind, segment.text) for segment in segments),
            tokens=placed.tokens,
            inlined=inlined,
            prefix=placed.prefix,
        ),
    )


def _noting(asset: Callable[[str], str], found: dict[str, str]) -> Callable[[str], str]:
    """``asset``, which writes down what it gave."""

    def noted(path: str) -> str:
        found[path] = asset(path)
        return found[path]

    return noted


RECIPE = "2"
"""Changes with what ``kiln`` does around the tools, so that nothing compiled before is used after."""


def _toolchain() -> list[str]:
    return [RECIPE, *(f"{tool} {version(tool)}" for tool in _TOOLS)]


def _block_names(assembly: Assembly) -> list[str]:
    return [block.name for slot in assembly.slots.values() for block in slot.blocks]


def _check_code(segments: Sequence[Segment], slots: Mapping[str, CompiledSlot], names: _Names) -> list[str]:
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
        warnings += _check_lines(lines, segments, names, sure, block.spec.defaults if block else {})
    return warnings


def _check_lines(
    lines: Sequence[str], at: Sequence[Segment], names: _Names, sure: frozenset[str], defaults: dict[str, Any]
) -> list[str]:
    try:
        body = parse("\n".join(lines))
        write_part(names.module("html", record=True), "check", body, defaults)
    except RefusedError as error:
        raise at[max(0, error.line - 1)].error(error.what, fix=error.fix) from error
    except TemplateSyntaxError as error:
        place = at[min(len(at), error.lineno) - 1]
        raise place.error(f"this is not Jinja: {error.message}") from error
    except RecursionError as error:
        raise at[0].error("this is nested too deeply", fix="use partials and blocks") from error
    warnings = []
    for gap in find_gaps(body, attributes=names.attributes, sure=sure):
        segment = at[gap.line - 1]
        fix = f'write | fallback("…"), put {{% if {gap.path} %}} around it, or add it to the block\'s needs'
        if gap.attribute:
            raise segment.error(f"{gap.path} may be missing here", fix=fix)
        warnings.append(f"{segment.at}: {gap.path} may be missing here; the block then fails\n  fix: {fix}")
    return warnings


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
        lines.append(_code_line(segment, number))
        if word == "endblock":
            current = ""
    return parts


def _code_line(segment: Segment, number: int) -> str:
    text = segment.text.replace("\n", " ")
    if segment.kind == "expr":
        return expression(text, "_html", number)
    return f"{OPEN}% {text} %{SHUT}" if segment.kind == "tag" else ""


def parse(text: str) -> list[nodes.Node]:
    """Compiled text as Jinja's syntax tree."""
    return INNER.parse(text).body


def _code(
    bodies: Mapping[str, list[nodes.Node]],
    functions: Mapping[str, str],
    defaults: Mapping[str, dict[str, Any]],
    module: Module,
) -> tuple[Code, Module]:
    write_part(module, "template", bodies[""])
    for block, function in functions.items():
        write_part(module, function, bodies.get(block, []), defaults.get(block))
    return _finished(module), module


def _trees(restored: Restored) -> dict[str, list[nodes.Node]]:
    """The syntax trees of the template ('') and of each block."""
    return {name: parse(text) for name, text in [("", restored.template), *restored.blocks.items()]}


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
    lines: Mapping[str, Sequence[Segment]],
    constants: Constants,
    names: _Names,
    first: int,
    *,
    holes: bool = False,
) -> tuple[Code, Module]:
    """Subject and preheader: plain text, nothing escaped, line breaks refused when they are rendered."""
    module = names.module("line", holes=holes)
    number = first
    for name, segments in lines.items():
        folded = fold(segments, constants)
        checked = [_code_line(segment, index) for index, segment in enumerate(folded)]
        _check_lines(checked, folded, names, names.certain - {name}, {})
        text = ""
        for segment in folded:
            if segment.kind in ("data", "const"):
                text += segment.text
            elif segment.kind == "tag":
                text += f"{OPEN}% {segment.text} %{SHUT}"
            else:
                text += expression(segment.text, "_html", number)
            number += 1
        write_part(module, name, parse(text))
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
    if len(blocks) > MAX_CANDIDATES:
        what = f"the slot {slot.name!r} has {len(blocks)} blocks; {MAX_CANDIDATES} are the most"
        raise slot.tag.error(what, fix="split it into two slots")
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
