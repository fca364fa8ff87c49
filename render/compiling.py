"""A campaign compiled once: its body, its subject and preheader, turned into straight-line code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mailwright.errors import Location, TemplateError
from mailwright.model.campaign import CampaignSpec
from mailwright.model.identity import fingerprint
from mailwright.model.workspace import WorkspaceSpec
from render.bodies import Body, Codes, compile_body, finished, noting, toolchain
from render.codecheck import Names, check_lines, code_line
from render.codegen import write_part
from render.compiled import Code, CompiledCampaign
from render.constants import Constants, fold
from render.library import Library
from render.pymodule import Module
from render.restoring import expression, parse_restored, tag
from render.rows import is_list
from render.source import Segment, Source, cut
from rules import RuleCatalog

FORMAT = 1
"""Counted up when the same sources would compile to something else."""


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
    bodies: dict[str, Body] | None = None,
) -> CompiledCampaign:
    """Compile a campaign's template with all the blocks of its slots.

    MJML and the inliner run once, or not at all when ``cache`` holds their result for the same input. A
    ``draft`` gives the same mails sooner, each of them more slowly: nothing in it is remembered from mail to
    mail, and it cannot be sent in groups. ``bodies`` are those of editions compiled before: one that differs
    from them in subject or preheader alone has theirs.
    Raises TemplateError, RuleError or ConfigError with file, line and the fix.
    """
    bodies = {} if bodies is None else bodies
    key = fingerprint(campaign.model_dump(mode="json", include={"template", "values", "links"}))
    shared = key in bodies
    if not shared:
        bodies[key] = compile_body(
            name,
            campaign,
            library=library,
            settings=settings,
            catalog=catalog,
            asset=asset,
            at=at,
            cache=cache,
            draft=draft,
        )
    body = bodies[key]
    assets = dict(body.assets)
    names = replace(body.names, asset=noting(asset, assets))
    lines = {
        "subject": _line(campaign.subject, at("subject")),
        "preheader": _line(campaign.preheader, at("preheader")),
    }
    line_segments = [segment for part in lines.values() for segment in part]
    first = len(body.segments)
    codes: Codes = {**body.codes, "line": _line_code(lines, body.constants, names, first)}
    if not draft:
        codes["line_holes"] = _line_code(lines, body.constants, names, first, holes=True)
    reads = frozenset().union(*(module.names for _, module in codes.values()))
    print_ = fingerprint(
        FORMAT,
        toolchain(),
        name,
        campaign.model_dump(mode="json"),
        settings.model_dump(mode="json"),
        [[segment.kind, segment.text] for segment in body.segments],
        [
            block.spec.model_dump(mode="json")
            for slot in body.assembly.slots.values()
            for block in slot.blocks
        ],
        dict(library.strings),
        assets,
        [codes["html"][0].source, codes["text"][0].source, codes["line"][0].source],
    )
    return CompiledCampaign(
        name=name,
        fingerprint=print_,
        spec=campaign,
        settings=settings,
        compiled_slots=body.slots,
        html=codes["html"][0],
        text=codes["text"][0],
        line=codes["line"][0],
        recorded=codes["recorded"][0],
        holes={} if draft else {mode: codes[f"{mode}_holes"][0] for mode in ("html", "text", "line")},
        names=frozenset(name for name in reads if not name.startswith("@")),
        lists={
            block: frozenset(filter(is_list, codes["html"][1].parts[function]))
            for block, function in {"": "template", **body.functions}.items()
        },
        places=tuple(segment.at for segment in [*body.segments, *line_segments]),
        strings=library.strings,
        assets=assets,
        warnings=body.warnings,
        stats=replace(body.stats, mjml_runs=0, inline_runs=0) if shared else body.stats,
        template=body.template,
    )


def _line(text: str, at: Location) -> Sequence[Segment]:
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
    return finished(module), module
