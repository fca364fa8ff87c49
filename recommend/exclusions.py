"""What a profile must not be shown, whichever tier recommends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mailwright.model.workspace import RecommendSpec
from recommend.arrays import I64, Mask
from recommend.catalogue import Catalogue
from recommend.ratings import Pairs


@dataclass(frozen=True)
class Exclusions:
    """Of each row the columns it must not be shown: ``column[start[row] : start[row + 1]]``."""

    start: I64
    column: I64
    cause: I64
    """Which of ``causes``."""
    causes: tuple[str, ...]

    def counts(self, row: int) -> dict[str, int]:
        """Why items are not shown to this row → how many; an item counts once for each cause."""
        causes = self.cause[self.start[row] : self.start[row + 1]]
        counts = np.bincount(causes, minlength=len(self.causes)).tolist()
        return {cause: count for cause, count in zip(self.causes, counts, strict=True) if count}


def gather_exclusions(rows: int, columns: I64, found: Sequence[tuple[str, I64, I64]]) -> Exclusions:
    """Exclusions of (cause, rows, items); ``columns`` has the column of each item, -1 for no candidate."""
    parts = [(np.full(len(row), code), row, columns[item]) for code, (_, row, item) in enumerate(found)]
    cause, row, column = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.flatnonzero((column >= 0) & (row >= 0))
    order = order[np.argsort(row[order], kind="stable")]
    start = np.searchsorted(row[order], np.arange(rows + 1)).astype(np.int64)
    return Exclusions(start, column[order], cause[order], tuple(name for name, *_ in found))


def bought_before(pairs: Pairs, catalogue: Catalogue, spec: RecommendSpec) -> tuple[I64, I64]:
    """(rows, items) bought before and not of a kind that is bought again."""
    again: Mask = np.full(catalogue.size, spec.repeat)
    if spec.repeat_categories:
        names = np.array([*catalogue.categories, ""], dtype=str)
        again |= np.isin(names[catalogue.category], spec.repeat_categories)
    barred = pairs.bought & ~again[pairs.item]
    return pairs.profile[barred], pairs.item[barred]
