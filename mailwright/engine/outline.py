"""Who gets which block, told before anything is recommended."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pyarrow as pa

from audience.cores import meanwhile
from mailwright.engine.composing import audience_rule
from mailwright.engine.reading import Source
from mailwright.engine.recommending import beside, strategies
from mailwright.engine.request import Request
from mailwright.events import EventsOfProfiles
from mailwright.model.workspace import RecommendSpec
from mailwright.recipients import Admission
from measure.assignment import Assignment
from recommend.certain import fills_every_list
from recommend.strategies import FOR_YOU
from render import Choices, CompiledCampaign, choose_blocks
from rules import Rule
from rules.tree import Attr, Call, walk
from segments import Segmentation

LIST = "recommendations"


@dataclass(frozen=True)
class Outline:
    """What is known of a campaign without its recommendations: who gets it, and which blocks."""

    request: Request
    source: Source
    segmentation: Segmentation
    compiled: CompiledCampaign
    assignment: Assignment
    """The arms of every profile."""
    admission: Admission
    everyone: pa.Table
    """One row a profile: attributes, features, segments, arms."""
    choices: Choices
    """The block of each slot, for the recipients."""

    @cached_property
    def recipients(self) -> pa.Table:
        """The rows of ``everyone`` that get the mail, with a ``slot:…`` column a slot."""
        return beside(self.everyone.filter(pa.array(self.admission.admitted)), self.choices.columns)

    @cached_property
    def audience_rule(self) -> Rule:
        return audience_rule(self.request)

    @cached_property
    def events(self) -> EventsOfProfiles:
        return EventsOfProfiles(self.source.audience.interactions)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The attributes that the mails, their blocks, the audience or a segment ask for."""
        blocks = (block for slot in self.compiled.all_slots.values() for block in slot.blocks)
        rules = (self.audience_rule, *(rule for block in blocks for rule in block.rules))
        return self.compiled.names.union(self.segmentation.reads, *(rule.attributes for rule in rules))

    @property
    def notes(self) -> tuple[str, ...]:
        learned = self.source.learned.notes_on(self.reads)
        return (*self.source.notes, *learned, *self.segmentation.notes, *self.compiled.warnings)


def choose_ahead(
    request: Request,
    source: Source,
    compiled: CompiledCampaign,
    assignment: Assignment,
    everyone: pa.Table,
    admission: Admission,
    recommend: RecommendSpec,
) -> Choices | None:
    """The blocks that will be chosen when the recommendations are there; None: they may depend on them.

    They do not when rules ask at most how many items there are, and everybody is certain to have all by the
    settings ``recommend`` (those of the model: ``tuned_spec``).
    """
    n, audience = request.spec.recommendations.n, source.audience
    if compiled.asks or audience.shown is not None:
        return None
    blocks = [block for slot in compiled.all_slots.values() for block in slot.blocks]
    rules = [rule for block in blocks for rule in block.rules if LIST in rule.attributes]
    full: Future[bool] | None = None
    if rules:
        alike = list(strategies(request, everyone.num_rows, assignment)) == [FOR_YOU]
        if not alike or not all(_counts_only(rule) for rule in rules):
            return None
        given = (audience.interactions, audience.items, recommend)
        full = meanwhile(partial(fills_every_list, *given, n=n, now=request.now))
        offsets = np.arange(everyone.num_rows + 1, dtype=np.int32) * n
        lists = pa.ListArray.from_arrays(pa.array(offsets), pa.nulls(everyone.num_rows * n, pa.int8()))
        everyone = everyone.append_column(LIST, lists)
    choices = choose_blocks(
        compiled, everyone, now=request.now, interactions=audience.interactions, rows=admission.admitted
    )
    return choices if full is None or full.result() else None


def _counts_only(rule: Rule) -> bool:
    """Whether all that a rule asks of the recommendations is how many they are."""
    nodes = list(walk(rule.tree))
    read = [node for node in nodes if isinstance(node, Attr) and node.path[0] == LIST]
    counted = [
        node.args[0]
        for node in nodes
        if isinstance(node, Call) and node.name == "len" and isinstance(node.args[0], Attr)
    ]
    return all(any(node is one and node.path == (LIST,) for one in counted) for node in read)
