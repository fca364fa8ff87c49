"""Recommendations of live profiles: the same, to the last bit, as a run over everybody would give them.

Everybody else stands in for popularity and cohorts as the files have them. Who the mails are for is put in
their place, in tables that are cut and not copied: of a million profiles and five million events nothing is
moved or sorted for one mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from mailwright.engine import Request, beside, shown_before, strategies
from mailwright.models import tuned_spec
from measure.assignment import Assignment
from recommend.asking import asked_columns, asked_lists
from recommend.chain import fill
from recommend.context import Context, read_context
from recommend.mixed import mixed
from recommend.recommendations import STRUCT
from recommend.strategies import open_strategy
from triggers.world import World


def recommended(
    world: World,
    request: Request,
    people: pa.Table,
    member: pa.Table,
    interactions: pa.Table,
    arms: Assignment,
    *,
    only: Sequence[int],
) -> pa.Table:
    """The columns of what is recommended to some of ``people`` (``only``: their rows, in order). They are
    sorted by id; ``member`` are their segments, ``interactions`` theirs, sorted by profile and time."""
    spec, count = request.spec.recommendations, len(only)
    compiled = world.campaign(request.campaign, request.now)
    if not count or (not spec.n and not compiled.asks):
        nothing = pa.array([[]] * count, pa.list_(STRUCT))
        return pa.table(
            {"recommendations": nothing, "recommendation_note": pa.array([""] * count, pa.string())}
        )
    context, first = _context(world, request, people, member, interactions)
    parts = []
    for strategy, rows in strategies(request, people.num_rows, arms).items():
        places = np.flatnonzero(np.isin(only, rows))
        if len(places):
            rows = (np.asarray(only)[places] + first).tolist()
            tiers = open_strategy(strategy, context)
            parts.append((places, fill(context, tiers, n=spec.n, only=rows, spare=compiled.spare)))
    found = parts[0][1] if len(parts) == 1 else mixed(parts)
    notes = pa.array([found.note(row) for row in range(count)], pa.string())
    columns = pa.table({"recommendations": found.column(), "recommendation_note": notes})
    asked = asked_lists(context, compiled.asks, only=[row + first for row in only], spare=compiled.spare)
    return beside(columns, asked_columns(asked, count))


def _context(
    world: World, request: Request, people: pa.Table, member: pa.Table, interactions: pa.Table
) -> tuple[Context, int]:
    """Everybody else and then these people, with all events; and the row of the first of these."""
    audience, ids = world.audience, people["profile_id"].to_pylist()
    known = sorted(world.rows[name] for name in ids if name in world.rows)
    others = [(row, row + 1) for row in known]
    everybody = [*_between(audience.profiles, others), people.cast(audience.profiles.schema)]
    segments = [*_between(world.segmentation.columns, others), member]
    context = read_context(
        world.model,
        pa.concat_tables(everybody),
        _events(world, ids, interactions),
        audience.items,
        tuned_spec(world.workspace.spec.recommend, world.model),
        request.now,
        segments=pa.concat_tables(segments) if member.num_columns else None,
        last_shown=shown_before(request, audience),
    )
    return context, audience.profiles.num_rows - len(known)


def _events(world: World, ids: Sequence[str], interactions: pa.Table) -> pa.Table:
    """All events, sorted by profile and time: of these profiles those given, of others those of the files."""
    parts = _between(world.audience.interactions, [world.events.place(name) for name in ids])
    counts = Counter(interactions["profile_id"].to_pylist())
    pieces, at = [parts[0]], 0
    for name, after in zip(ids, parts[1:], strict=True):
        pieces += [interactions.slice(at, counts[name]), after]
        at += counts[name]
    return pa.concat_tables(pieces)


def _between(table: pa.Table, places: Sequence[tuple[int, int]]) -> list[pa.Table]:
    """The parts of the table before, between and after these places, which are in order."""
    starts, ends = [0, *(end for _, end in places)], [*(start for start, _ in places), table.num_rows]
    return [table.slice(start, end - start) for start, end in zip(starts, ends, strict=True)]
