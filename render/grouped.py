"""Rendering for ESPs that take one body for many: each mail, and beside it what it shares and what is its
own.

The mails are those of ``render_batch``, byte for byte. Two columns are added: ``skeleton`` (a dictionary, so
that a body stands once a batch) and ``leaves``; both are missing where a mail must go alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa

from mailwright.model.message import Skeleton
from render.batch import MAILS, Mails, row_columns
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.program import program
from render.rows import batch_rows
from render.skeleton import KEPT, Splitter

SKELETON = pa.dictionary(pa.int32(), pa.binary())
LEAVES = pa.list_(pa.string())
GROUPED = MAILS.append(pa.field("skeleton", SKELETON)).append(pa.field("leaves", LEAVES))
"""The columns of rendered mails, with what grouped sends need."""


def render_grouped_batch(
    compiled: CompiledCampaign, context: RenderContext, batch: pa.RecordBatch
) -> pa.RecordBatch:
    """``render_batch``, with the skeleton and the leaves of each mail."""
    bodies: dict[str, int] = {}
    written: list[bytes] = []
    mails, numbers, leaves = Mails(batch.num_rows), list[int | None](), list[tuple[str, ...] | None]()
    for row in batch_rows(batch, row_columns(compiled), context.catalogue):
        edition = compiled.edition(row)
        mail = program(edition, context).mail(row)
        found = splitter_of(edition, context).split(row, mail) if mail.skip is None else None
        mails.add(mail, row, compiled)
        if found is None:
            numbers.append(None)
            leaves.append(None)
            continue
        skeleton, own = found
        if skeleton.fingerprint not in bodies:
            bodies[skeleton.fingerprint] = len(written)
            written.append(_written(skeleton))
        numbers.append(bodies[skeleton.fingerprint])
        leaves.append(own)
    arrays = mails.arrays()
    indices = pa.array(numbers, pa.int32())
    arrays.append(pa.DictionaryArray.from_arrays(indices, pa.array(written, pa.binary())))
    arrays.append(pa.array(leaves, LEAVES))
    return pa.RecordBatch.from_arrays(arrays, schema=GROUPED)


def splitter_of(compiled: CompiledCampaign, context: RenderContext) -> Splitter:
    """The campaign's splitter in this run; made once, then remembered."""
    found: Splitter | None = context.splitters.get(compiled.fingerprint)
    if found is None:
        found = context.splitters[compiled.fingerprint] = Splitter(compiled, context)
    return found


class Skeletons:
    """Reads the column ``skeleton`` back: one object a body, however many batches hold it."""

    def __init__(self) -> None:
        self._known: dict[str, Skeleton] = {}

    def read(self, column: pa.Array) -> Iterator[Skeleton | None]:
        """One skeleton, or None, a row."""
        bodies = [self._skeleton(body) for body in column.dictionary.to_pylist()]
        for number in column.indices.to_pylist():
            yield None if number is None else bodies[number]

    def _skeleton(self, body: bytes) -> Skeleton:
        found: dict[str, Any] = orjson.loads(body)
        known = self._known.get(found["fingerprint"])
        if known is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            known = self._known[found["fingerprint"]] = Skeleton(
                found["fingerprint"], tuple(found["html"]), tuple(found["text"]), tuple(found["subject"])
            )
        return known


def _written(skeleton: Skeleton) -> bytes:
    parts = {"html": skeleton.html, "text": skeleton.text, "subject": skeleton.subject}
    return orjson.dumps({"fingerprint": skeleton.fingerprint, **parts})
