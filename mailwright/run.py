"""Renders a whole campaign, holds it against its gates, and sends it.

Mails are rendered into a spool (one Parquet file, a row group a batch), so that the whole audience is known
to be right before the first mail leaves, and memory does not grow with the audience.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from itertools import repeat
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailwright.engine import Plan, Request, render_plan
from mailwright.errors import GateError
from mailwright.explain import explain_values
from mailwright.gates import Figures, Gate
from mailwright.model.message import Address, Message, Skeleton
from mailwright.progress import Progress
from mailwright.samples import write_mail
from mailwright.workspace.assets import LOCAL_SCHEME
from render.grouped import Skeletons

RENDERED = "rendered"


@dataclass
class Rendering:
    """What came of rendering every recipient, counted as the batches go by."""

    rendered: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    blocks: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(slot, block) → mails that show it."""
    sources: Counter[str] = field(default_factory=Counter)
    """Source → recommended items shown."""
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(slot, block) → mails for which the block was tried and could not be made."""
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """The first reason of each."""
    with_fallback: int = 0
    """Mails in which a slot rests on its last block though it has others."""
    gaps: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """Expressions whose fallback a mail shows together → mails that show just these."""
    gap_profiles: dict[tuple[str, ...], str] = field(default_factory=dict)
    """The first profile of each."""
    bytes: int = 0
    largest: int = 0
    """Bytes of HTML of the largest mail."""
    largest_profile: str | None = None
    with_local_pictures: int = 0
    """Mails with a picture that only this machine has."""

    def add(self, batch: pa.RecordBatch, resting: frozenset[tuple[str, str]]) -> None:
        """Count one batch of render's output; ``resting`` are the (slot, block) that are fallbacks."""
        done = pc.equal(batch["status"], RENDERED)
        self.skipped.update(batch["reason"].filter(pc.invert(done)).to_pylist())
        mails = batch.filter(done)
        self.rendered += mails.num_rows
        if not mails.num_rows:
            return
        for trace in mails["trace"].to_pylist():
            self._add_trace(orjson.loads(trace), resting)
        self.with_local_pictures += pc.sum(pc.match_substring(mails["html"], LOCAL_SCHEME)).as_py()
        sizes = pc.binary_length(mails["html"])
        self.bytes += pc.sum(sizes).as_py()
        largest = pc.max(sizes).as_py()
        if largest > self.largest:
            row = pc.index(sizes, largest).as_py()
            self.largest, self.largest_profile = largest, mails["profile_id"][row].as_py()

    @property
    def notes(self) -> list[str]:
        """What a person should know: the blocks that could not be made for somebody."""
        return [
            f"block {block} could not be made for {count:,} recipients: {self.failures[slot, block]}"
            for (slot, block), count in self.failed.most_common()
        ]

    def _add_trace(self, trace: dict[str, Any], resting: frozenset[tuple[str, str]]) -> None:
        shown = trace["slots"].items()
        self.blocks.update((slot, block) for slot, block in shown if block is not None)
        self.with_fallback += any(pair in resting for pair in shown)
        if gaps := gaps_of(trace):
            self.gaps[gaps] += 1
            self.gap_profiles.setdefault(gaps, trace["profile_id"])
        for slot, block, why in trace.get("failed", ()):
            self.failed[slot, block] += 1
            self.failures.setdefault((slot, block), why)
        for items in (trace.get("recommendations", ()), *trace.get("asked", {}).values()):
            self.sources.update(source for _, source in items)


def gaps_of(trace: dict[str, Any]) -> tuple[str, ...]:
    """The expressions that were missing in a mail and whose fallback it shows, of its compact trace."""
    return tuple(sorted({expression for expression, _ in trace.get("fallbacks", ())}))


def fallback_blocks(plan: Plan) -> frozenset[tuple[str, str]]:
    """The (slot, block) that need nothing, in slots that have other blocks too."""
    return frozenset(
        (slot.name, block.name)
        for slot in plan.compiled.all_slots.values()
        for block in slot.blocks
        if block.needs_nothing and len(slot.blocks) > 1
    )


def render_campaign(
    plan: Plan,
    spool: Path | None,
    *,
    grouped: bool = False,
    samples: Path | None = None,
    progress: Progress | None = None,
) -> Rendering:
    """Render every recipient into the spool, and the first of each variant into ``samples``.

    ``grouped``: the spool also holds what mails share, for an ESP that takes one body for many.
    """
    rendering = Rendering()
    resting = fallback_blocks(plan)
    shown: set[str] = set()
    done = 0
    writer: pq.ParquetWriter | None = None
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
    try:
        for batch in render_plan(plan, grouped=grouped, progress=progress):
            rendering.add(batch, resting)
            if spool is not None:
                writer = writer or _open_spool(spool, batch.schema)
                writer.write_batch(batch)
            if samples is not None:
                _write_samples(plan, samples, batch, done, shown)
            done += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rendering


def _open_spool(spool: Path, schema: pa.Schema) -> pq.ParquetWriter:
    spool.parent.mkdir(parents=True, exist_ok=True)
    # A batch's skeletons stay a dictionary, however large they are, rather than a copy a mail; the mails
    # themselves are all different, and looking for their like would only take time.
    grouped = "skeleton" in schema.names
    return pq.ParquetWriter(
        spool,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=["skeleton", "status", "variant", "timezone"] if grouped else True,
        dictionary_pagesize_limit=1 << 28 if grouped else None,
    )


def _write_samples(plan: Plan, folder: Path, batch: pa.RecordBatch, first: int, shown: set[str]) -> None:
    """Write the mail of each variant not yet shown; ``first`` is the recipient of the batch's first row."""
    for row, variant in enumerate(batch["variant"].to_pylist()):
        if variant is not None and variant not in shown:
            shown.add(variant)
            mail = batch.slice(row, 1).to_pylist()[0]
            values = plan.recipients.slice(first + row, 1).to_pylist()[0]
            write_mail(folder, mail, explain_values(plan, values))


def spooled_messages(
    request: Request, spool: Path, *, not_after: datetime | None = None
) -> Iterator[Message]:
    """The rendered mails of a spool as messages, in order, one batch in memory at a time.

    ``not_after``: the end of the window in which they may leave.
    """
    skeletons = Skeletons()
    grouped = [name for name in pq.read_schema(spool).names if name == "skeleton"]
    with closing(pq.ParquetFile(spool, read_dictionary=grouped)) as file:
        for batch in file.iter_batches(batch_size=512):
            for message in messages_of(request, batch, skeletons):
                yield replace(message, not_after=not_after) if not_after is not None else message


def messages_of(
    request: Request, batch: pa.RecordBatch, skeletons: Skeletons | None = None
) -> Iterator[Message]:
    """What the rows of one batch of render's output are to an adapter."""
    sender = request.spec.sender or request.workspace.spec.sender
    reply_to = Address(sender.reply_to) if sender.reply_to else None
    mails = batch.filter(pc.equal(batch["status"], RENDERED))
    shared: Iterable[Skeleton | None] = repeat(None, mails.num_rows)
    if skeletons is not None and "skeleton" in mails.schema.names:
        shared = skeletons.read(mails["skeleton"])
        mails = mails.drop_columns(["skeleton"])
    for row, skeleton in zip(mails.to_pylist(), shared, strict=True):
        yield Message(
            message_id=row["message_id"],
            profile_id=row["profile_id"],
            campaign=request.campaign,
            occasion=request.occasion,
            sender=Address(sender.email, sender.name),
            to=Address(row["email"]),
            timezone=row["timezone"] or (request.workspace.spec.timezone if row["send_at"] else ""),
            send_at=time.fromisoformat(row["send_at"]) if row["send_at"] else None,
            subject=row["subject"],
            preheader=row["preheader"],
            html=row["html"],
            text=row["text"],
            reply_to=reply_to,
            headers=dict(row["headers"]),
            variant=row["variant"],
            trace=row["trace"],
            skeleton=skeleton,
            leaves=() if skeleton is None else tuple(row["leaves"]),
        )


def figures(plan: Plan, rendering: Rendering) -> Figures:
    """What the gates look at."""
    return Figures(
        eligible=int(plan.admission.admitted.sum()),
        rendered=rendering.rendered,
        with_fallback=rendering.with_fallback,
        largest_bytes=rendering.largest,
        blocks=sum(len(candidates) for candidates in plan.compiled.slots.values()),
        blocks_shown=len(rendering.blocks),
    )


def refuse_broken(gates: Iterable[Gate]) -> None:
    """Raise GateError when a gate is broken, naming every one."""
    broken = [str(gate) for gate in gates if not gate.holds]
    if broken:
        raise GateError(
            "nothing was sent: " + "; ".join(broken),
            fix="mend what the gate found, or change the gate in the campaign's file",
        )


def report(plan: Plan, rendering: Rendering, sent: int, seconds: dict[str, float]) -> dict[str, Any]:
    """The result of a run as ``--json`` prints it: ``profiles = rendered + sum(skipped)``."""
    skipped = Counter(plan.admission.skipped) + rendering.skipped
    return {
        "campaign": plan.request.campaign,
        "occasion": plan.request.occasion,
        "now": plan.request.now.isoformat(),
        "profiles": plan.everyone.num_rows,
        "eligible": int(plan.admission.admitted.sum()),
        "rendered": rendering.rendered,
        "skipped": dict(skipped),
        "sent": sent,
        "data": plan.source.audience.report.as_dict()["sources"],
        "rejects_file": str(plan.source.audience.report.rejects_file or ""),
        "compiled": {
            "mjml_runs": plan.compiled.stats.mjml_runs,
            "inline_runs": plan.compiled.stats.inline_runs,
        },
        "variants": len(plan.choices.variants),
        "segments": dict(plan.segmentation.sizes),
        "recommendation_sources": dict(rendering.sources.most_common()),
        "bytes": rendering.bytes,
        "largest": {"bytes": rendering.largest, "profile_id": rendering.largest_profile},
        "fingerprint": plan.fingerprint,
        "notes": [*plan.notes, *rendering.notes],
        "seconds": seconds,
    }
