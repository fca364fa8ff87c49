"""What came out: an item matrix, and for each cell its source, its score and a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audience.order import flat
from mailwright.model.recommendation import Reason, Recommendation
from recommend.arrays import F64, I32, I64

STRUCT = pa.struct(
    [
        ("item_id", pa.string()),
        ("source", pa.string()),
        ("score", pa.float64()),
        ("reason", pa.string()),
        ("reason_kind", pa.string()),
        ("reason_about", pa.string()),
    ]
)
"""A cell of ``Recommendations.column``; ``reason`` is the English sentence of the two after it."""


@dataclass(frozen=True)
class Recommendations:
    """Row for row with the profiles that were asked for."""

    items: I32
    """int32[rows, n]: rows of the table of items, best first, -1 where there is none (always last)."""
    sources: npt.NDArray[np.int8]
    """int8[rows, n]: which of ``source_names``, -1 where there is none."""
    scores: F64
    """float64[rows, n], NaN where there is none; comparable within a row and source only."""
    source_names: tuple[str, ...]
    item_ids: Any
    notes: Callable[[int], str]
    explain: Callable[[int, I64, I64], I64]
    """(source, rows, items[rows, k]) → codes of reasons."""
    reason: Callable[[int, int], Reason]
    """(source, code) → the reason."""
    _codes: dict[int, I64] = field(default_factory=dict, compare=False)

    def row(self, row: int) -> tuple[Recommendation, ...]:
        """The recommendations of one profile, best first."""
        ids, codes = self.item_ids, self._codes_of(np.array([row]))[0]
        return tuple(
            Recommendation(
                item_id=ids[int(item)].as_py(),
                source=self.source_names[source],
                score=float(score),
                reason=self.reason(int(source), int(code)).text,
            )
            for item, source, score, code in zip(
                self.items[row], self.sources[row], self.scores[row], codes, strict=True
            )
            if item >= 0
        )

    def note(self, row: int) -> str:
        """Why this profile has fewer items than asked for; empty when it has all."""
        return self.notes(row)

    def column(self) -> pa.Array:
        """All recommendations as one Arrow array, a list of structs for each profile (empty, never NULL)."""
        there = self.items >= 0
        codes = self._codes_of(np.arange(len(self.items)))[there] + 1  # -1: no code
        sources = self.sources[there].astype(np.int64)
        width = int(codes.max(initial=0)) + 1
        coded = pa.array(sources * width + codes).dictionary_encode()
        pairs = [divmod(key, width) for key in coded.dictionary.to_pylist()]
        reasons = [self.reason(source, code - 1) for source, code in pairs]
        told = [(reason.text, reason.kind, reason.about or None) for reason in reasons]
        texts = zip(*told, strict=True) if told else ((), (), ())
        structs = pa.StructArray.from_arrays(
            [
                flat(self.item_ids).cast(pa.string()).take(pa.array(self.items[there])),
                pa.array(self.source_names, pa.string()).take(pa.array(sources)),
                pa.array(self.scores[there], pa.float64()),
                *(pa.array(text, pa.string()).take(coded.indices) for text in texts),
            ],
            fields=list(STRUCT),
        )
        offsets = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), structs, type=pa.list_(STRUCT))

    def source_counts(self) -> dict[str, int]:
        """How many items came from each source, sources without any included."""
        counts = Counter(self.sources[self.items >= 0].tolist())
        named: Counter[str] = Counter(dict.fromkeys(self.source_names, 0))
        for code, name in enumerate(self.source_names):
            named[name] += counts.get(code, 0)  # of mixed strategies several sources have one name
        return dict(named)

    def _codes_of(self, rows: I64) -> I64:
        codes = np.full((len(rows), self.items.shape[1]), -1, np.int64)
        for source in range(len(self.source_names)):
            mine = self.sources[rows] == source
            some = np.flatnonzero(mine.any(axis=1))
            if len(some):
                items = np.where(mine[some], self.items[rows[some]], -1).astype(np.int64)
                codes[some] = np.where(mine[some], self.explain(source, rows[some], items), codes[some])
        return codes
