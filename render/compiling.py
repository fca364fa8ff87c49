"""A campaign compiled once: written out, placed, fired, restored, and turned into straight-line code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache as once
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import nodes

from mailwright.errors import Location, TemplateError
from mailwright.model.campaign import CampaignSpec
from mailwright.model.identity import fingerprint
from mailwright.model.schema import PROFILE_ATTRIBUTES
from mailwright.model.tracking import Tagger
from mailwright.model.workspace import WorkspaceSpec
from render import cache as disk
from render.assemble import Assembly, assemble
from render.codecheck import Names, check_code, check_lines, code_line
from render.codegen import write_part
from render.compiled import Code, CompiledCampaign, TemplateText
from render.constants import Constants, fold
from render.library import Library
from render.links import place_links
from render.names import certain_names, item_fields, visible_names
from render.placing import place
from render.plaintext import plain_stream
from render.pymodule import Module
from render.restoring import (
    Restored,
    check,
    check_balance,
    expression,
    parse_restored,
    restore,
    stream,
    tag,
)
from render.rows import is_list
from render.slots import compile_slots
from render.source import Segment, Source, cut
from rules import RuleCatalog

FORMAT = 1
"""Counted up when the same sources would compile to something else."""
_TOOLS = ("mjml-python", "premailer", "css-inline", "lxml", "jinja2")


def compile_edition(
    name: str,
    campaign: CampaignSpec,
    *,
    library: Library,
    settings: WorkspaceSpec,
    catalog: RuleCatalog,
    asset: Callable[[str], str],
    at: Callable[[str], Location],
    cache: Path | None = None,
    draft: bool = False,
) -> CompiledCampaign:
    """Compile a campaign's template with all the blocks of its slots.

    MJML and the inliner run once, or not at all when ``cache`` holds their result for the same input. A
    ``draft`` gives the same mails sooner, each of them more slowly: nothing in it is remembered from mail to
    mail, and it cannot be sent in groups.
    Raises TemplateError, RuleError or ConfigError with file, line and the fix.
    """
    assets: dict[str, str] = {}
    asset = _noting(asset, assets)
    constants = Constants(
        settings.brand, settings.theme.model_dump(), {"name": name, "values": campaign.values}, asset
    )
    assembly = assemble(library.template(campaign.template, at=at("template")), library)
    if not assembly.segments:
        raise TemplateError("the template is empty", at=at("template"))
    segments = fold(assembly.segments, constants)
    names = Names(
        known=visible_names(catalog),
        attributes=frozenset({**PROFILE_ATTRIBUTES, **settings.profile}),
        certain=certain_names(catalog.attributes),
        fields=item_fields(settings),
        asset=asset,
    )
    placed = place(segments)
    functions = {name: f"block_{index}" for index, name in enumerate(_block_names(assembly))}
    slots, warnings = compile_slots(assembly, catalog, settings, functions)
    warnings += check_code(segments, slots, names)
    inlined, stats = disk.fired(placed, settings.inliner, cache, _toolchain(), segments)
    tagger = Tagger.of(settings.links.under(campaign.links), name, settings.base_url)
    linked, placed = place_links(inlined, placed, tagger)
    found = stream(linked, placed)
    check(found, placed, segments)
    html = restore(found, segments, "html")
    text = restore(plain_stream(linked, placed), segments, "text")
    tags = {block.name: slot.tag for slot in assembly.slots.values() for block in slot.blocks}
    check_balance(html, tags)
    defaults = {block.name: block.spec.defaults for slot in assembly.slots.values() for block in slot.blocks}
    lines = {
        "subject": _line(campaign.subject, at("subject")),
        "preheader": _line(campaign.preheader, at("preheader")),
    }
    line_segments = [segment for part in lines.values() for segment in part]
    trees, text_trees = _trees(html), _trees(text)
    recorded = _code(trees, functions, defaults, names.module("html", record=True))
    codes = {
        "html": recorded if draft else _code(trees, functions, defaults, names.module("html")),
        "recorded": recorded,
        "text": _code(text_trees, functions, defaults, names.module("text", record=draft)),
        "line": _line_code(lines, constants, names, len(segments)),
    }
    if not draft:
        codes |= {
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
        holes={} if draft else {mode: codes[f"{mode}_holes"][0] for mode in ("html", "text", "line")},
        names=frozenset(name for name in reads if not name.startswith("@")),
        lists={
            block: frozenset(filter(is_list, codes["html"][1].parts[function]))
            for block, function in {"": "template", **functions}.items()
        },
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


@once
def _toolchain() -> list[str]:
    return [RECIPE, *(f"{tool} {version(tool)}" for tool in _TOOLS)]


def _block_names(assembly: Assembly) -> list[str]:
    return [block.name for slot in assembly.slots.values() for block in slot.blocks]


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
    return {name: parse_restored(text) for name, text in [("", restored.template), *restored.blocks.items()]}


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
    names: Names,
    first: int,
    *,
    holes: bool = False,
) -> tuple[Code, Module]:
    """Subject and preheader: plain text, nothing escaped, line breaks refused when they are rendered."""
    module = names.module("line", holes=holes)
    number = first
    for name, segments in lines.items():
        folded = fold(segments, constants)
        checked = [code_line(segment, index) for index, segment in enumerate(folded)]
        check_lines(checked, folded, names, names.certain - {name}, {})
        text = ""
        for segment in folded:
            if segment.kind in ("data", "const"):
                text += segment.text
            elif segment.kind == "tag":
                text += tag(segment.text, number)
            else:
                text += expression(segment.text, "_html", number)
            number += 1
        write_part(module, name, parse_restored(text))
    return _finished(module), module
