"""The body of a mail compiled: a template and its blocks, written out, placed, fired, restored, made code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache as once
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import nodes

from mailwright.errors import Location, TemplateError
from mailwright.model.campaign import CampaignSpec
from mailwright.model.schema import PROFILE_ATTRIBUTES
from mailwright.model.tracking import Tagger
from mailwright.model.workspace import WorkspaceSpec
from render import cache as disk
from render.assemble import Assembly, assemble
from render.codecheck import Names, check_code
from render.codegen import write_part
from render.compiled import Code, CompiledSlot, CompileStats, TemplateText
from render.constants import Constants, fold
from render.library import Library
from render.links import place_links
from render.names import certain_names, item_fields, visible_kinds, visible_names
from render.placing import place
from render.plaintext import plain_stream, without_repeats
from render.pymodule import Module
from render.restoring import Restored, check, check_balance, parse_restored, restore, stream
from render.slots import compile_slots
from render.source import Segment
from rules import RuleCatalog

_TOOLS = ("mjml-python", "premailer", "css-inline", "lxml", "jinja2")

_BESIDE = ThreadPoolExecutor(1, thread_name_prefix="furnace")
"""Waits for MJML and inlining, which are another process's work, while the code is checked."""

Codes = dict[str, tuple[Code, Module]]
"""What is written of a mail, by mode, and what it reads."""


@dataclass(frozen=True)
class Body:
    """All of a mail but its subject and preheader."""

    assembly: Assembly
    segments: list[Segment]
    slots: Mapping[str, CompiledSlot]
    functions: Mapping[str, str]
    """Block → the function that writes it."""
    codes: Codes
    constants: Constants
    names: Names
    assets: Mapping[str, str]
    warnings: tuple[str, ...]
    stats: CompileStats
    template: TemplateText


def compile_body(
    name: str,
    campaign: CampaignSpec,
    *,
    library: Library,
    settings: WorkspaceSpec,
    catalog: RuleCatalog,
    asset: Callable[[str], str],
    at: Callable[[str], Location],
    cache: Path | None,
    draft: bool,
) -> Body:
    """``compiling.compile_edition`` without subject and preheader. Of the campaign it reads the template, the
    values and the links."""
    assets: dict[str, str] = {}
    asset = noting(asset, assets)
    constants = Constants(
        settings.brand, settings.theme.model_dump(), {"name": name, "values": campaign.values}, asset
    )
    assembly = assemble(library.template(campaign.template, at=at("template")), library)
    if not assembly.segments:
        raise TemplateError("the template is empty", at=at("template"))
    segments = fold(assembly.segments, constants)
    names = Names(
        known=visible_names(catalog),
        attributes=frozenset({**PROFILE_ATTRIBUTES, **settings.profile}) | catalog.computed,
        certain=certain_names(catalog.attributes),
        fields=item_fields(settings),
        kinds=visible_kinds(catalog, settings),
        asset=asset,
    )
    placed = place(segments)
    functions = {name: f"block_{index}" for index, name in enumerate(_block_names(assembly))}
    firing = _BESIDE.submit(disk.fired, placed, settings.inliner, cache, toolchain(), segments)
    slots, warnings = compile_slots(assembly, catalog, settings, functions)
    warnings += check_code(segments, slots, names)
    inlined, stats = firing.result()
    tagger = Tagger.of(settings.links.under(campaign.links), name, settings.base_url)
    linked, placed = place_links(inlined, placed, tagger)
    found = stream(linked, placed)
    check(found, placed, segments)
    html = restore(found, segments, "html")
    text = restore(without_repeats(plain_stream(linked, placed), segments), segments, "text")
    tags = {block.name: slot.tag for slot in assembly.slots.values() for block in slot.blocks}
    check_balance(html, tags)
    defaults = {block.name: block.spec.defaults for slot in assembly.slots.values() for block in slot.blocks}
    trees, text_trees = _trees(html), _trees(text)
    recorded = _code(trees, functions, defaults, names.module("html", record=True))
    codes = {
        "html": recorded if draft else _code(trees, functions, defaults, names.module("html")),
        "recorded": recorded,
        "text": _code(text_trees, functions, defaults, names.module("text", record=draft)),
    }
    if not draft:
        codes |= {
            "html_holes": _code(trees, functions, defaults, names.module("html", holes=True)),
            "text_holes": _code(text_trees, functions, defaults, names.module("text", holes=True)),
        }
    return Body(
        assembly=assembly,
        segments=segments,
        slots=slots,
        functions=functions,
        codes=codes,
        constants=constants,
        names=names,
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


def noting(asset: Callable[[str], str], found: dict[str, str]) -> Callable[[str], str]:
    """``asset``, which writes down what it gave."""

    def noted(path: str) -> str:
        found[path] = asset(path)
        return found[path]

    return noted


RECIPE = "2"
"""Changes with what ``kiln`` does around the tools, so that nothing compiled before is used after."""


@once
def toolchain() -> list[str]:
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
    return finished(module), module


def _trees(restored: Restored) -> dict[str, list[nodes.Node]]:
    """The syntax trees of the template ('') and of each block."""
    return {name: parse_restored(text) for name, text in [("", restored.template), *restored.blocks.items()]}


def finished(module: Module) -> Code:
    return Code(
        module.mode, module.source, tuple(module.origins), tuple(module.fallbacks), tuple(module.arms)
    )
