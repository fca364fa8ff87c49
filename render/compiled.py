"""A compiled campaign: the generated functions as text, its slots and rules, and what compiling it took."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any

from mailwright.errors import Location
from mailwright.model.campaign import CampaignSpec
from mailwright.model.experiment import ExperimentSpec
from mailwright.model.recommendation import ASKED, Ask
from mailwright.model.workspace import WorkspaceSpec
from render.library import BlockSpec, Strings
from render.placed import Piece, Token
from render.source import Kind
from rules import Rule

_FUNCTION = re.compile(r"^(?=@)|(?<!@remember\n)^(?=def )", re.MULTILINE)


@lru_cache(maxsize=1024)
def _compiled(function: str, mode: str, line: int) -> CodeType:
    """One function of generated Python; ``line`` is where it stands in the whole."""
    return compile("\n" * (line - 1) + function, f"<{mode}>", "exec")


@dataclass(frozen=True)
class Code:
    """Generated Python of one output, and the way back from its lines to the files."""

    mode: str
    """``html`` (ASCII bytes), ``text`` or ``line`` (str)."""
    source: str
    origins: tuple[int, ...]
    """For each line the number of the segment it came from; -1: none."""
    fallbacks: tuple[tuple[str, int], ...] = ()
    """Expression and segment of each ``fallback``."""
    arms: tuple[tuple[str, int], ...] = ()
    """What each arm of an ``if`` is, and its segment; in recording code only."""

    def run(self, names: dict[str, Any]) -> None:
        """Define its functions among ``names``, which are all that they can reach."""
        line = 1
        for part in _FUNCTION.split(self.source):
            exec(_compiled(part, self.mode, line), names)  # noqa: S102 written from a closed language
            line += part.count("\n")


@dataclass(frozen=True)
class CompiledBlock:
    """One candidate of a slot: its condition, and the functions that write it."""

    name: str
    spec: BlockSpec
    at: Location
    """Where what it shows begins: after its front matter."""
    when: Rule | None
    """None: always."""
    needs: tuple[Rule, ...]
    starts: datetime | None
    """Aware; from this instant."""
    ends: datetime | None
    """Aware; before this instant."""
    function: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All that must hold of a profile who gets it."""
        return (*self.needs, *([self.when] if self.when is not None else []))

    @property
    def needs_nothing(self) -> bool:
        """Whether everyone may get it, at any time."""
        dated = self.starts is not None or self.ends is not None
        return (
            self.when is None
            and not self.needs
            and not dated
            and not self.spec.locale
            and not self.spec.experiment
        )


@dataclass(frozen=True)
class CompiledSlot:
    """A slot and its candidates, in the order in which they are tried."""

    name: str
    optional: bool
    blocks: tuple[CompiledBlock, ...]


@dataclass(frozen=True)
class CompileStats:
    """What compiling took: runs of MJML and of the inliner (0 when the compiled form was cached)."""

    mjml_runs: int
    inline_runs: int
    cached: bool
    html_bytes: int
    """Bytes of compiled HTML, all blocks of all slots together."""


@dataclass(frozen=True)
class TemplateText:
    """The template before and after compiling, for the slow way (``verify``) and for checks."""

    jinja: tuple[Piece | Token, ...]
    """MJML with code in place, every escape written in."""
    segments: tuple[tuple[Kind, str], ...]
    """Kind and text of each segment, by number."""
    tokens: Mapping[str, Token]
    inlined: str
    """HTML with tokens, styles inlined."""
    prefix: str
    """With what tokens begin."""


@dataclass(frozen=True)
class CompiledCampaign:
    """All that is needed to choose blocks and render mails; it can be pickled and sent to other processes."""

    name: str
    fingerprint: str
    spec: CampaignSpec
    settings: WorkspaceSpec
    compiled_slots: Mapping[str, CompiledSlot]
    html: Code
    text: Code
    line: Code
    recorded: Code
    """``html`` once more, writing down which arms were taken; it gives the same bytes."""
    holes: Mapping[str, Code]
    """``html``, ``text`` and ``line`` once more, every leaf marked, for grouped sends."""
    names: frozenset[str]
    """Columns of the frame that the mails read."""
    lists: Mapping[str, frozenset[str]]
    """Block (or "", the template) → the columns of recommended items that it shows."""
    places: tuple[Location, ...]
    """Where each segment stands."""
    strings: Mapping[str, Strings]
    assets: Mapping[str, str]
    """Local picture → published link, of those that templates name."""
    warnings: tuple[str, ...]
    stats: CompileStats
    template: TemplateText = field(repr=False)
    experiments: Mapping[str, ExperimentSpec] = field(default_factory=dict)
    """Those that recipients may take part in: the column ``experiment:<name>`` holds the arm, NULL none."""
    content: Mapping[str, str] = field(default_factory=dict)
    """Experiment → fingerprint of what its arms show beside their settings (``experiment.version_of``)."""
    varied: tuple[str, ...] = ()
    """The experiments whose arms change the template, subject, preheader or constants."""
    editions: Mapping[tuple[str | None, ...], CompiledCampaign] = field(default_factory=dict, repr=False)
    """Arms of ``varied`` → the campaign as they show it. This one is the campaign as it is written."""
    edition_name: str = ""
    """Of an edition: the arms that make it, ``subject=short``; a part of the names of its variants."""

    def edition(self, row: Mapping[str, Any]) -> CompiledCampaign:
        """The campaign as the arms of one row show it."""
        if not self.editions:
            return self
        return self.editions.get(tuple(row.get(f"experiment:{name}") for name in self.varied), self)

    @property
    def all_slots(self) -> Mapping[str, CompiledSlot]:
        """The slots of all editions; a slot has the same blocks in every template."""
        slots = dict(self.compiled_slots)
        for edition in self.editions.values():
            slots = {**edition.compiled_slots, **slots}
        return slots

    @property
    def slots(self) -> dict[str, tuple[str, ...]]:
        """Slot → names of its blocks, in the order in which they are tried."""
        return {name: tuple(block.name for block in slot.blocks) for name, slot in self.all_slots.items()}

    @cached_property
    def asks(self) -> tuple[Ask, ...]:
        """The lists that the template and its blocks ask for, in templates and in rules."""
        blocks = (block for slot in self.all_slots.values() for block in slot.blocks)
        read = self.names.union(*(rule.attributes for block in blocks for rule in block.rules))
        return tuple(sorted(Ask.of(name) for name in read if name.startswith(ASKED)))

    @cached_property
    def block_lists(self) -> Mapping[str, frozenset[str]]:
        """``lists`` of the blocks of all editions."""
        found: dict[str, frozenset[str]] = {}
        for edition in (self, *self.editions.values()):
            found |= {name: lists for name, lists in edition.lists.items() if name}
        return found

    @property
    def spare(self) -> int:
        """How many items beyond its own a list must have, so that it stays full beside the others."""
        asks = [ask for ask in self.asks if not ask.again]
        return sum(ask.n for ask in asks) + (self.spec.recommendations.n if asks else 0)

    def block(self, slot: str, name: str) -> CompiledBlock:
        return next(block for block in self.all_slots[slot].blocks if block.name == name)
