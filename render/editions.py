"""A campaign compiled once for each way in which the arms of its experiments show it.

An *edition* is the campaign with the arms of one combination laid over it. MJML and the inliner still run
once per template version: editions that differ in subject or preheader alone share their body. Blocks
that take part in an experiment make no edition; they are candidates of their slot for one arm only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from mailwright.errors import ConfigError, Location, did_you_mean
from mailwright.model.campaign import CampaignSpec
from mailwright.model.experiment import (
    ExperimentSpec,
    apply_arms,
    conflicts,
    declared_by_blocks,
)
from mailwright.model.identity import fingerprint
from render.assemble import assemble
from render.bodies import Body
from render.compiled import CompiledCampaign, CompileStats
from render.compiling import compile_edition
from render.library import Block, Library

MOST = 64
"""Editions of one campaign: each is compiled, and more crossed arms than this compare nothing any more."""

At = Callable[..., Location]
"""The place of a key in the campaign's file."""

_COMPILED = ("template", "subject", "preheader")
"""What of an arm makes another edition, beside its constants (``values``)."""


def compile_campaign(
    name: str, campaign: CampaignSpec, *, library: Library, **options: Any
) -> CompiledCampaign:
    """Compile a campaign with all blocks of its slots, and all editions that its experiments can show.

    ``options`` are those of ``compiling.compile_edition``. Raises ConfigError for experiments that cannot
    run together, and for a block of an arm that there is not.
    """
    at = options["at"]
    bodies: dict[str, Body] = {}
    base = compile_edition(name, campaign, library=library, bodies=bodies, **options)
    specs, content = read_experiments(campaign, library, at)
    if not specs:
        return base
    varied = tuple(experiment for experiment, spec in specs.items() if _varies(spec))
    editions: dict[tuple[str | None, ...], CompiledCampaign] = {}
    same = {_shape(campaign): base}
    for arms in _combinations(varied, specs):
        shown = apply_arms(campaign, specs, {n: arm for n, arm in zip(varied, arms, strict=True) if arm})
        shape = _shape(shown)
        if shape not in same:
            if len(same) > MOST:
                raise ConfigError(
                    f"crossed, the experiments make more than {MOST} mails",
                    at=at("experiments"),
                    fix="put some of them into slices of one layer",
                )
            named = ",".join(f"{n}={arm}" for n, arm in zip(varied, arms, strict=True) if arm)
            compiled = compile_edition(name, shown, library=library, bodies=bodies, **options)
            same[shape] = replace(compiled, edition_name=named)
        editions[arms] = same[shape]
    return _joined(base, editions, varied, specs, content)


def read_experiments(
    campaign: CampaignSpec, library: Library, at: At
) -> tuple[dict[str, ExperimentSpec], dict[str, str]]:
    """The experiments that the campaign and the blocks of its slots declare, and what their arms show beside
    their settings (``experiment.version_of``'s ``content``). Nothing is compiled."""
    tested = _tested_blocks(campaign, library, at)
    specs = _experiments(campaign, tested, at)
    return specs, _content(specs, tested, library, at)


def _tested_blocks(campaign: CampaignSpec, library: Library, at: At) -> dict[str, dict[str, Block]]:
    """Experiment → block by name, of the blocks in the slots of the templates that take part in one."""
    arms = [arm for spec in campaign.experiments.values() for arm in spec.arms.values()]
    templates = dict.fromkeys([campaign.template, *(arm.template for arm in arms if arm.template)])
    found: dict[str, dict[str, Block]] = {}
    if not any(block.spec.experiment for block in library.blocks.values()):
        return found
    for template in templates:
        for slot in assemble(library.template(template, at=at("template")), library).slots.values():
            for block in slot.blocks:
                if block.spec.experiment is not None:
                    found.setdefault(block.spec.experiment.name, {})[block.name] = block
    return found


def _experiments(
    campaign: CampaignSpec, tested: Mapping[str, Mapping[str, Block]], at: At
) -> dict[str, ExperimentSpec]:
    """The experiments that the campaign declares, and those that blocks declare."""
    specs = dict(campaign.experiments)
    changed: dict[str, set[str]] = {}
    for name, blocks in sorted(tested.items()):
        for block in blocks.values():
            test = block.spec.experiment
            assert test is not None
            changed.setdefault(name, set()).add(f"the slot {block.spec.slot}")
            if name in specs and test.arm not in specs[name].arms:
                raise ConfigError(
                    f"the experiment {name!r} has no arm {test.arm!r}",
                    at=block.places.at("experiment", "arm"),
                    fix=did_you_mean(test.arm, specs[name].arms),
                )
        if name not in specs:
            first = min(blocks.values(), key=lambda block: block.name)
            specs[name] = _declared(name, blocks, first.places.at("experiment"))
    if problems := conflicts(specs, changed):
        raise ConfigError("; ".join(problems), at=at("experiments"))
    return specs


def _declared(name: str, blocks: Mapping[str, Block], at: Location) -> ExperimentSpec:
    arms: dict[str, float | None] = {}
    for block in sorted(blocks.values(), key=lambda block: block.name):
        test = block.spec.experiment
        assert test is not None
        arms[test.arm] = arms.get(test.arm) or test.share
    try:
        return declared_by_blocks(arms)
    except ValueError as error:
        what = str(error).splitlines()[-1] if str(error) else "its shares do not fit"
        raise ConfigError(
            f"the blocks of the experiment {name!r}: {what}", at=at, fix="declare it in the campaign's file"
        ) from error


def _varies(spec: ExperimentSpec) -> bool:
    """Whether an arm changes what is compiled."""
    return any(
        change in _COMPILED or change.startswith("values.")
        for arm in spec.arms.values()
        for change in arm.changes
    )


def _combinations(
    varied: tuple[str, ...], specs: Mapping[str, ExperimentSpec]
) -> Iterator[tuple[str | None, ...]]:
    """The arms that one profile can be shown together: of the experiments in one layer at most one."""
    for arms in product(*((None, *specs[name].arms) for name in varied)):
        shown = [name for name, arm in zip(varied, arms, strict=True) if arm is not None]
        layers = [layer.name for name in shown if (layer := specs[name].layer) is not None]
        if shown and len(layers) == len(set(layers)):
            yield arms


def _shape(campaign: CampaignSpec) -> str:
    """Equal for campaigns that compile to the same."""
    told = campaign.model_dump(mode="json", include={*_COMPILED, "values"})
    return fingerprint(told)


def _content(
    specs: Mapping[str, ExperimentSpec], tested: Mapping[str, Mapping[str, Block]], library: Library, at: At
) -> dict[str, str]:
    """What the arms of each experiment show beside their settings: their blocks and their own templates."""
    content = {}
    for name, spec in specs.items():
        blocks = [
            [block.spec.experiment.arm, block.name, block.source.text]
            for block in sorted(tested.get(name, {}).values(), key=lambda block: block.name)
            if block.spec.experiment is not None
        ]
        templates = [
            [arm, library.template(body.template, at=at("experiments", name, "arms", arm, "template")).text]
            for arm, body in spec.arms.items()
            if body.template is not None
        ]
        content[name] = fingerprint(blocks, templates) if blocks or templates else ""
    return content


def _joined(
    base: CompiledCampaign,
    editions: Mapping[tuple[str | None, ...], CompiledCampaign],
    varied: tuple[str, ...],
    specs: Mapping[str, ExperimentSpec],
    content: Mapping[str, str],
) -> CompiledCampaign:
    """The base with its editions; its fingerprint covers them."""
    every = list({id(one): one for one in (base, *editions.values())}.values())
    stats = [one.stats for one in every]
    return replace(
        base,
        fingerprint=fingerprint(
            "editions",
            {name: spec.model_dump(mode="json") for name, spec in specs.items()},
            dict(content),
            [one.fingerprint for one in every],
        ),
        names=frozenset().union(*(one.names for one in every)),
        assets={name: link for one in every for name, link in one.assets.items()},
        warnings=tuple(dict.fromkeys(warning for one in every for warning in one.warnings)),
        stats=CompileStats(
            mjml_runs=sum(one.mjml_runs for one in stats),
            inline_runs=sum(one.inline_runs for one in stats),
            cached=all(one.cached for one in stats),
            html_bytes=base.stats.html_bytes,
        ),
        experiments=dict(specs),
        content=dict(content),
        varied=varied,
        editions={arms: one for arms, one in editions.items() if one is not base},
    )
