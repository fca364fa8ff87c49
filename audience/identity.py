"""Who is the same person: certain by a shared key, likely by name; and an audit of every merge."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from rapidfuzz import fuzz, process

from audience.survivorship import merge_rows
from mailwright.model.audience import FuzzySpec, IdentitySpec

LARGEST_BLOCK = 5_000
"""Profiles compared pairwise at once; a larger block says that ``block`` is too coarse, and is noted."""


@dataclass(frozen=True, slots=True)
class Merge:
    """One profile that became part of another, why, and whose values stayed where they differed."""

    kept: str
    merged: str
    by: str
    values_of: dict[str, str]
    """Attribute → profile id whose value stayed, for attributes in which the profiles differed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two profiles that look like one person; a person should look at them."""

    one: str
    other: str
    score: float


@dataclass
class Identities:
    """The merged profiles, and which id became which."""

    profiles: pa.Table
    aliases: dict[str, str] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def unify(profiles: pa.Table, rows: pa.Array, spec: IdentitySpec) -> Identities:
    """The profiles, sorted by id, with those that are one person merged into one row.

    ``rows`` is the number of each profile's row in its source. Nothing is merged but by ``keys`` and, where
    ``fuzzy.merge_at`` is stated, by likeness.
    """
    result = Identities(profiles)
    if not spec.keys and spec.fuzzy is None:
        return result
    ids = profiles.column("profile_id").to_pylist()
    groups = _Groups(len(ids))
    for key in spec.keys:
        _join_by_key(profiles, key, spec.max_shared, groups, result)
    if spec.fuzzy is not None:
        _join_alike(profiles, ids, spec.fuzzy, groups, result)
    together = groups.of_several()
    if not together:
        return result
    numbers = rows.to_pylist()
    gone: set[int] = set()
    changed: dict[int, dict[str, Any]] = {}
    for members in together:
        people = {i: profiles.slice(i, 1).to_pylist()[0] for i in members}
        keep, row, values_of = merge_rows(people, {i: numbers[i] for i in members}, spec)
        changed[keep] = row
        for i in members:
            if i != keep:
                gone.add(i)
                result.aliases[ids[i]] = ids[keep]
                result.merges.append(
                    Merge(ids[keep], ids[i], groups.why(i, keep), {n: ids[j] for n, j in values_of.items()})
                )
    result.profiles = _rewritten(profiles, gone, changed)
    return result


class _Groups:
    """Union-find over positions, that remembers why two were joined."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._why: dict[int, set[str]] = defaultdict(set)

    def find(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def join(self, one: int, other: int, why: str) -> None:
        for i in (one, other):
            self._why[i].add(why)
        a, b = self.find(one), self.find(other)
        self._parent[max(a, b)] = min(a, b)

    def why(self, one: int, other: int) -> str:
        """What the two have in common, or, where others stand between them, what brought the first in."""
        return ", ".join(sorted(self._why[one] & self._why[other] or self._why[one]))

    def of_several(self) -> list[list[int]]:
        groups: dict[int, list[int]] = defaultdict(list)
        for i in self._why:
            groups[self.find(i)].append(i)
        return [sorted(members) for _, members in sorted(groups.items())]


def _join_by_key(profiles: pa.Table, key: str, most: int, groups: _Groups, result: Identities) -> None:
    column = profiles.column("email_key" if key == "email" else key).to_pylist()
    sharing: dict[str, list[int]] = defaultdict(list)
    for i, value in enumerate(column):
        if (known := _normal(key, value)) is not None:
            sharing[known].append(i)
    for members in sharing.values():
        if len(members) > most:
            result.notes.append(
                f"{len(members)} profiles share one {key}, more than identity.max_shared ({most}): not merged"
            )
            continue
        for other in members[1:]:
            groups.join(members[0], other, key)


def _normal(key: str, value: Any) -> str | None:
    """What two ways of writing one key have in common; None where it says nothing."""
    if value is None:
        return None
    if key == "phone":
        digits = re.sub(r"\D", "", re.sub(r"^\s*(\+|00)", "+", str(value)).replace("(0)", ""))
        return digits.lstrip("0") if len(digits) >= 6 else None
    return str(value) if key == "email" else str(value).strip().casefold()


def _join_alike(
    profiles: pa.Table, ids: list[str], spec: FuzzySpec, groups: _Groups, result: Identities
) -> None:
    texts = [" ".join(filter(None, map(_folded, row))) for row in _rows(profiles, spec.fields)]
    blocks: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for i, key in enumerate(_rows(profiles, spec.block)):
        if texts[i] and None not in key:
            blocks[key].append(i)
    for members in blocks.values():
        if len(members) > LARGEST_BLOCK:
            result.notes.append(f"{len(members)} profiles are alike in identity.fuzzy.block: not compared")
            continue
        words = [texts[i] for i in members]
        scores = process.cdist(words, words, scorer=fuzz.token_sort_ratio, score_cutoff=spec.list_at)
        for a, b in zip(*scores.nonzero(), strict=True):
            if a < b:
                one, other, score = members[a], members[b], round(float(scores[a, b]), 1)
                if groups.find(one) == groups.find(other):
                    continue
                result.candidates.append(Candidate(ids[one], ids[other], score))
                if spec.merge_at is not None and score >= spec.merge_at:
                    groups.join(one, other, f"likeness {score:g}")


def _rows(profiles: pa.Table, names: Iterable[str]) -> Iterable[tuple[Any, ...]]:
    return zip(*(profiles.column(name).to_pylist() for name in names), strict=True)


def _folded(value: Any) -> str:
    """Lower case, without accents."""
    if value is None:
        return ""
    text = unicodedata.normalize("NFKD", str(value)).casefold()
    return "".join(c for c in text if not unicodedata.combining(c)).strip()


def _rewritten(profiles: pa.Table, gone: set[int], changed: dict[int, dict[str, Any]]) -> pa.Table:
    kept = [i for i in range(profiles.num_rows) if i not in gone and i not in changed]
    merged = pa.Table.from_pylist([changed[i] for i in sorted(changed)], schema=profiles.schema)
    whole = pa.concat_tables([profiles.take(pa.array(kept, pa.int64())), merged])
    return whole.sort_by("profile_id").combine_chunks()


def counts_by_reason(merges: Iterable[Merge]) -> Counter[str]:
    """How many profiles were merged, by reason; of likeness without its score."""
    return Counter(re.sub(r"likeness [\d.]+", "likeness", merge.by) for merge in merges)
