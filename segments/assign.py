"""Membership: which profiles are in which segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mailwright.model.segment import SegmentSpec
from rules import Rule, RuleContext, evaluate_rules
from segments.compile import before_in_group, needed

Members = npt.NDArray[np.bool_]
COLUMN = "segment:"


@dataclass(frozen=True)
class Segmentation:
    """Who is in what.

    ``columns`` has ``segment:<name>`` for every segment, in order of computation, rows as in the frame, no
    NULLs. ``notes`` are for people: what was too small, fell back or stayed empty. ``fallen_back`` are the
    segments whose members count as their parent's only: ``segments_of`` must be told. ``reads`` are the
    attributes that the rules ask for.
    """

    columns: pa.Table
    sizes: Mapping[str, int]
    notes: tuple[str, ...] = ()
    fallen_back: frozenset[str] = field(default_factory=frozenset)
    reads: frozenset[str] = field(default_factory=frozenset)


def assign_segments(
    specs: Mapping[str, SegmentSpec],
    rules: Mapping[str, Rule],
    frame: pa.Table,
    *,
    now: datetime,
    interactions: pa.Table | None,
) -> Segmentation:
    """Membership of every row of ``frame`` in every segment.

    ``rules`` come from ``compile_segments``. A profile is in a segment when the rule holds, it is in the
    parent, and it is in no segment of the same group that comes first. A segment with fewer members than
    ``min_size`` then falls back to its parent, and leaves its members to the rest of its group.
    """
    members: dict[str, Members] = {}
    notes: list[str] = []
    fallen: set[str] = set()
    for level in _levels(specs, rules):
        wide = _with_members(frame, members)
        found = evaluate_rules(
            {name: rules[name] for name in level}, wide, now=now, interactions=interactions
        )
        for name in level:
            held = found[name].fill_null(False).to_numpy().astype(np.bool_)
            for rival in before_in_group(name, specs):
                held = held & ~members[rival]
            parent = specs[name].parent
            inside = held & members[parent] if parent is not None else held
            note = _note(name, specs[name], int(inside.sum()))
            if note and parent is not None:
                fallen.add(name)
                inside = np.zeros_like(inside)
            notes += [note] if note else []
            members[name] = inside
    columns = pa.table({COLUMN + name: pa.array(members[name]) for name in rules})
    sizes = {name: int(members[name].sum()) for name in rules}
    reads = frozenset[str]().union(*(rule.attributes for rule in rules.values()))
    return Segmentation(columns, sizes, tuple(notes), frozenset(fallen), reads)


def segments_of(
    specs: Mapping[str, SegmentSpec],
    rules: Mapping[str, Rule],
    profile: Mapping[str, Any],
    context: RuleContext,
    *,
    fallen_back: Iterable[str] = (),
) -> frozenset[str]:
    """The segments of one profile, as ``assign_segments`` would say; ``fallen_back`` is that of the last run
    over the whole audience (one profile cannot tell how large a segment is). ``context.segments`` is not
    read.
    """
    inside: set[str] = set()
    here = RuleContext(now=context.now, segments=inside, events=context.events)
    closed = frozenset(fallen_back)
    for name, rule in rules.items():
        parent = specs[name].parent
        if name in closed or (parent is not None and parent not in inside):
            continue
        if not any(rival in inside for rival in before_in_group(name, specs)) and rule.holds(profile, here):
            inside.add(name)
    return frozenset(inside)


def _levels(specs: Mapping[str, SegmentSpec], rules: Mapping[str, Rule]) -> list[list[str]]:
    """The segments in batches, each needing only earlier batches, so that a batch is one query."""
    depth: dict[str, int] = {}
    for name in rules:
        depth[name] = 1 + max(
            (depth[other] for other in needed(name, specs, rules) if other in depth), default=-1
        )
    return [[name for name in rules if depth[name] == n] for n in range(max(depth.values(), default=-1) + 1)]


def _with_members(frame: pa.Table, members: Mapping[str, Members]) -> pa.Table:
    for name, inside in members.items():
        column = COLUMN + name
        if column in frame.column_names:
            frame = frame.drop_columns([column])
        frame = frame.append_column(column, pa.array(inside))
    return frame


def _note(name: str, spec: SegmentSpec, size: int) -> str:
    if size >= max(spec.min_size, 1):
        return ""
    if spec.parent is not None:
        return f"{name}: {size} profiles, fewer than {spec.min_size}; they count as {spec.parent} only"
    if size == 0:
        return f"{name}: empty, no profile is in it"
    return f"{name}: {size} profiles, fewer than {spec.min_size}, and no parent to fall back to"
