"""Recommendations of several strategies, each for its own profiles, as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mailwright.model.recommendation import Reason
from recommend.arrays import I64
from recommend.recommendations import Recommendations


def mixed(parts: Sequence[tuple[I64, Recommendations]]) -> Recommendations:
    """``parts`` are rows and their recommendations, in the rows' order; together they are all rows, once."""
    owner = np.concatenate([np.full(len(rows), part) for part, (rows, _) in enumerate(parts)])
    local = np.concatenate([np.arange(len(rows)) for rows, _ in parts])
    order = np.argsort(np.concatenate([rows for rows, _ in parts]), kind="stable")
    owner, local = owner[order], local[order]
    found = [made for _, made in parts]
    first = np.cumsum([0, *(len(made.source_names) for made in found)])
    sources = [
        np.where(made.sources >= 0, made.sources + first[part], -1).astype(np.int8)
        for part, made in enumerate(found)
    ]

    def part_of(source: int) -> int:
        return int(np.searchsorted(first, source, side="right")) - 1

    def explain(source: int, rows: I64, items: I64) -> I64:
        part = part_of(source)
        return found[part].explain(source - int(first[part]), local[rows], items)

    def reason(source: int, code: int) -> Reason:
        part = part_of(source)
        return found[part].reason(source - int(first[part]), code)

    return Recommendations(
        items=np.concatenate([made.items for made in found])[order],
        sources=np.concatenate(sources)[order],
        scores=np.concatenate([made.scores for made in found])[order],
        source_names=tuple(name for made in found for name in made.source_names),
        item_ids=found[0].item_ids,
        notes=lambda row: found[owner[row]].notes(int(local[row])),
        explain=explain,
        reason=reason,
    )
