"""Proof that the compiled mail is the mail that the slow way makes, for real profiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from mailwright.model.identity import bucket
from render.batch import row_columns
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.language import AbortError
from render.mail import FAILURES, Mail
from render.plaintext import plain_text
from render.program import Program, program
from render.rows import Row, batch_rows
from render.slowly import SlowWay
from render.trees import difference


@dataclass(frozen=True)
class Difference:
    """One profile whose mail differs between the two ways."""

    profile_id: str
    part: str
    """``html``, ``text``, or the block that only one of the ways could make."""
    what: str


@dataclass(frozen=True)
class Verification:
    """What ``verify`` found. ``mails`` were compared; ``variants`` of them differ in their blocks."""

    campaign: str
    mails: int
    variants: int
    skipped: int
    """Profiles for whom both ways agree that there is no mail."""
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        return not self.differences


def verify(
    compiled: CompiledCampaign,
    context: RenderContext,
    frame: pa.Table,
    *,
    sample: int = 50,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Compare the compiled mail with ``inline(mjml(jinja(source)))`` for sampled profiles of the frame.

    The sample holds a profile of every combination of chosen blocks first, then profiles drawn by ``seed``.
    A block that failed in the compiled mail must fail the slow way too.
    """
    rows = _sample(compiled, frame, sample, seed)
    ways: dict[str, SlowWay] = {}
    differences: list[Difference] = []
    variants, mails, skipped = set(), 0, 0
    made = batch_rows(_one_batch(rows), row_columns(compiled), context.catalogue)
    for done, row in enumerate(made, 1):
        edition = compiled.edition(row)
        bound = program(edition, context)
        slow = ways.setdefault(edition.fingerprint, SlowWay(edition, context))
        mail = bound.mail(dict(row))
        variants.add(mail.variant)
        mails += mail.skip is None
        skipped += mail.skip is not None
        differences += [
            Difference(row["profile_id"], part, what) for part, what in compare(bound, slow, row, mail)
        ]
        if progress is not None:
            progress(done, rows.num_rows)
    return Verification(compiled.name, mails, len(variants), skipped, tuple(differences))


def compare(bound: Program, slow: SlowWay, row: Row, mail: Mail) -> Iterable[tuple[str, str]]:
    """Where the mail of one row differs from the slow way's: (part, what)."""
    row = {**row, "subject": mail.subject, "preheader": mail.preheader}
    bound.complete(row, mail.unsubscribe_url)
    shown: dict[str, str | None] = dict(mail.slots)
    for slot, block, why in mail.failed:
        if _made(slow, row, {**shown, slot: block}):
            yield block, f"the compiled mail could not show it ({why}), the slow way could"
    if mail.skip is not None:
        if mail.skip != "no_block" and mail.subject and _made(slow, row, shown):
            yield "html", f"the compiled mail was skipped ({mail.detail}), the slow way made one"
        return
    try:
        html = slow.html(row, shown)
    except (*FAILURES, AbortError) as error:
        yield "html", f"the slow way failed: {error}"
        return
    if what := difference(html, mail.html.decode("ascii")):
        yield "html", what
    words, found = _words(plain_text(html)), _words(mail.text)
    if words != found:
        first = next((n for n, pair in enumerate(zip(words, found, strict=False)) if pair[0] != pair[1]), 0)
        yield "text", f"expected {words[first : first + 60]!r}, found {found[first : first + 60]!r}"


def _words(text: str) -> str:
    """Text without white space; a link whose words are its address is written once or twice."""
    return "".join(re.sub(r"(\S+) \((?:mailto:|tel:)?\1\)", r"\1", text).split())


def _made(slow: SlowWay, row: Row, blocks: dict[str, str | None]) -> bool:
    try:
        slow.source(row, blocks)
    except (*FAILURES, AbortError):
        return False
    return True


def _sample(compiled: CompiledCampaign, frame: pa.Table, size: int, seed: int) -> pa.Table:
    """One row of each combination of chosen blocks, then rows in an order that the seed draws."""
    if frame.num_rows <= size:
        return frame
    slots = [f"slot:{name}" for name in compiled.all_slots if f"slot:{name}" in frame.column_names]
    slots += [f"experiment:{name}" for name in compiled.varied if f"experiment:{name}" in frame.column_names]
    combinations = list(zip(*(frame[name].to_pylist() for name in slots), strict=True)) if slots else []
    first = sorted({key: index for index, key in reversed(list(enumerate(combinations)))}.values())
    ids = frame["profile_id"].to_pylist()
    drawn = sorted(range(frame.num_rows), key=lambda index: bucket(f"verify-{seed}", ids[index]))
    picked = list(dict.fromkeys([*first, *drawn]))[: max(size, len(first))]
    return frame.take(sorted(picked))


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
