"""Record batches turned into the rows that generated code reads: one dict a profile, only what is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa

from mailwright.model.recommendation import ASKED, OWN_FIELDS

Row = dict[str, Any]


def batch_rows(batch: pa.RecordBatch, names: Iterable[str], items: Mapping[str, Row]) -> Iterator[Row]:
    """A dict for each row of a batch with every name of ``names`` (missing: None).

    Recommendations become the catalogue's item with ``OWN_FIELDS`` beside its fields (missing where the frame
    has none); an item that the catalogue does not have is left out.
    """
    columns = set(batch.schema.names)
    plain = [name for name in names if name in columns and not is_list(name)]
    values: list[Iterable[Any]] = [python_values(batch.column(name)) for name in plain]
    lists = [name for name in names if name in columns and is_list(name)]
    values += [recommended(batch.column(name), items) for name in lists]
    absent = [name for name in names if name not in columns]
    nothing: Row = {name: [] if name.startswith(ASKED) else None for name in absent}
    for row in zip(*values, strict=True):
        yield {**nothing, **dict(zip(plain + lists, row, strict=True))}


def is_list(column: str) -> bool:
    """Whether a column holds recommended items: the campaign's, or those that a block asks for."""
    return column == "recommendations" or column.startswith(ASKED)


def python_values(column: pa.Array) -> list[Any]:
    """Python values of a column; of dictionary columns each distinct value is converted once."""
    if isinstance(column, pa.DictionaryArray):
        words = column.dictionary.to_pylist()
        return [None if index is None else words[index] for index in column.indices.to_pylist()]
    if pa.types.is_string(column.type) and len(column) > 8:
        return python_values(column.dictionary_encode())
    values: list[Any] = column.to_pylist()
    return values


def recommended(column: pa.Array, items: Mapping[str, Row]) -> Iterator[list[Row]]:
    """For each row the recommended items, best first."""
    lengths = [length or 0 for length in column.value_lengths().to_pylist()]
    flat = column.flatten()
    there = {field.name for field in flat.type}
    ids = python_values(flat.field("item_id"))
    sources, scores, reasons, kinds, abouts = (
        python_values(flat.field(name)) if name in there else [None] * len(flat) for name in OWN_FIELDS
    )
    own = zip(ids, sources, scores, reasons, kinds, abouts, strict=True)
    for length in lengths:
        yield [
            {
                **items[item],
                "source": source,
                "score": score,
                "reason": reason,
                "reason_kind": kind,
                "reason_about": about,
            }
            for item, source, score, reason, kind, about in islice(own, length)
            if item in items
        ]


def mapping_row(row: Mapping[str, Any], names: Iterable[str], items: Mapping[str, Row]) -> Row:
    """The same of one profile given as a mapping, whose lists of items are mappings with ``item_id``."""
    made = {name: row.get(name) for name in names}
    for column in ("recommendations", *(name for name in made if name.startswith(ASKED))):
        made[column] = [
            {**items[given["item_id"]], **{name: given.get(name) for name in OWN_FIELDS}}
            for given in row.get(column) or ()
            if given["item_id"] in items
        ]
    return made
