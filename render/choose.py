"""Which block each recipient gets in each slot, for the whole frame at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from render.compiled import CompiledBlock, CompiledCampaign, CompiledSlot
from render.formats import locale_chain
from render.mail import variant_id
from rules import evaluate_rules

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Choices:
    """Two columns a slot: ``slot:<name>``, the block (NULL: none), and ``eligible:<name>``, the candidates
    that the row may get, as bits in their order, for when the chosen one cannot be made.

    ``variants``: name of a combination of blocks → rows.
    """

    columns: pa.Table
    variants: Mapping[str, int]


def choose_blocks(
    compiled: CompiledCampaign, frame: pa.Table, *, now: datetime, interactions: pa.Table | None = None
) -> Choices:
    """The best eligible block of each slot for each row; rules run once, columnar."""
    rules = {
        f"{slot.name}/{index}/{number}": rule
        for slot in compiled.compiled_slots.values()
        for index, block in enumerate(slot.blocks)
        for number, rule in enumerate(block.rules)
    }
    truth = evaluate_rules(rules, frame, now=now, interactions=interactions) if rules else pa.table({})
    columns: dict[str, pa.Array] = {}
    for slot in compiled.compiled_slots.values():
        columns |= _choose(slot, compiled, frame, truth, now)
    return Choices(pa.table(columns), _variants(columns, frame.num_rows))


def eligible(
    block: CompiledBlock,
    compiled: CompiledCampaign,
    frame: pa.Table,
    truth: pa.Table,
    key: str,
    now: datetime,
) -> Mask:
    """For which rows a block may be shown: dates, locale, needs and condition; unknown does not hold."""
    rows = np.ones(frame.num_rows, dtype=bool)
    if (block.starts and now < block.starts) or (block.ends and now >= block.ends):
        return np.zeros(frame.num_rows, dtype=bool)
    if block.spec.locale:
        rows &= _in_locale(block, compiled, frame)
    for number, _ in enumerate(block.rules):
        rows &= pc.fill_null(truth[f"{key}/{number}"], False).to_numpy().astype(bool)
    return rows


def _choose(
    slot: CompiledSlot, compiled: CompiledCampaign, frame: pa.Table, truth: pa.Table, now: datetime
) -> dict[str, pa.Array]:
    bits = np.zeros(frame.num_rows, dtype=np.int64)
    chosen = np.full(frame.num_rows, -1, dtype=np.int32)
    for index, block in enumerate(slot.blocks):
        rows = eligible(block, compiled, frame, truth, f"{slot.name}/{index}", now)
        bits |= rows.astype(np.int64) << index
        chosen[rows & (chosen < 0)] = index
    words = pa.array([block.name for block in slot.blocks], pa.string())
    indices = pa.array(chosen, mask=chosen < 0)
    return {
        f"slot:{slot.name}": pa.DictionaryArray.from_arrays(indices, words),
        f"eligible:{slot.name}": pa.array(bits),
    }


def _in_locale(block: CompiledBlock, compiled: CompiledCampaign, frame: pa.Table) -> Mask:
    """Whether the language of the mail is one of the block's, or a region of one."""
    wanted = {name.replace("-", "_") for name in block.spec.locale}
    default = compiled.settings.locale
    if compiled.spec.locale or "locale" not in frame.column_names:
        fits = bool(wanted & set(locale_chain(compiled.spec.locale or default)))
        return np.full(frame.num_rows, fits)
    column = pc.fill_null(frame["locale"], default).combine_chunks().dictionary_encode()
    fit = [bool(wanted & set(locale_chain(name))) for name in column.dictionary.to_pylist()]
    return np.array(fit, dtype=bool)[column.indices.to_numpy()] if fit else np.zeros(0, dtype=bool)


def _variants(columns: Mapping[str, pa.Array], rows: int) -> dict[str, int]:
    """How many rows have each combination of blocks, the most frequent first."""
    slots = [name for name in columns if name.startswith("slot:")]
    if not slots:
        return {"": rows} if rows else {}
    grouped = (
        pa.table({name: columns[name].dictionary_decode() for name in slots})
        .group_by(slots)
        .aggregate([([], "count_all")])
    )
    counts: Counter[str] = Counter()
    for row in grouped.to_pylist():
        counts[variant_id({name.removeprefix("slot:"): row[name] for name in slots})] += row["count_all"]
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
