"""One batch of recipients in, one batch of mails out: the function that every process runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.mail import Mail
from render.program import program
from render.rows import batch_rows

ARMS = "arms"
"""The column that lists the experiments in which a row takes part (``measure.Assignment.enrolled``)."""

MAILS = pa.schema(
    [
        ("profile_id", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("message_id", pa.string()),
        ("subject", pa.string()),
        ("preheader", pa.string()),
        ("html", pa.binary()),
        ("text", pa.string()),
        ("headers", pa.map_(pa.string(), pa.string())),
        ("variant", pa.string()),
        ("trace", pa.binary()),
    ]
)
"""The columns of rendered mails. Of a skipped one only profile, reason, detail, id and trace are there."""


def render_batch(compiled: CompiledCampaign, context: RenderContext, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Render each row of a batch of recipients with their blocks chosen; rows stay in order.

    The columns read are the attributes, ``segment:…``, ``recommendations`` and ``slot:…`` (and
    ``eligible:…``, when ``choose_blocks`` made it). A mail that cannot be made is skipped with its reason.
    """
    rows = batch_rows(batch, row_columns(compiled), context.catalogue)
    mails = Mails(batch.num_rows)
    for mail, row in _made(compiled, context, rows):
        mails.add(mail, row, compiled)
    return pa.RecordBatch.from_arrays(mails.arrays(), schema=MAILS)


class Mails:
    """The mails of a batch of so many rows, gathered one by one into the columns of ``MAILS``.

    The HTML of all stands in one piece of memory, asked for once, into which each page is copied as soon as
    it is made, so that the next one is written where it was. That costs 5 µs a mail of 35 kB. Pages kept
    apart are given back to the system and faulted in again with each batch (25 µs), memory that grows with
    them is copied over and over (17), and so is a list of them turned into an Arrow column (120).
    """

    def __init__(self, rows: int) -> None:
        self._expected = rows
        self._rows: list[tuple[Any, ...]] = []
        self._pages = memoryview(b"")
        self._ends = [0]

    def add(self, mail: Mail, row: dict[str, Any], compiled: CompiledCampaign) -> None:
        """One more mail; its ``html`` is taken over and is empty afterwards."""
        start = end = self._ends[-1]
        if mail.skip is None:
            end += len(mail.html)
            if end > len(self._pages):
                self._make_room(end)
            self._pages[start:end] = mail.html
        mail.html = b""
        self._ends.append(end)
        self._rows.append(_row(mail, row, compiled))

    def _make_room(self, end: int) -> None:
        """Room for the pages still to come, if they are hardly larger than those until now."""
        seen = len(self._rows) + 1
        room = np.empty(end + end // seen * max(self._expected - seen, 0) * 9 // 8, np.uint8).data
        kept = self._ends[-1]
        room[:kept] = self._pages[:kept]
        self._pages = room

    def arrays(self) -> list[pa.Array]:
        """The columns; no mail can be added after that."""
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(MAILS)
        return [
            self._html(column) if field.name == "html" else pa.array(column, field.type)
            for column, field in zip(columns, MAILS, strict=True)
        ]

    def _html(self, there: Sequence[bool]) -> pa.Array:
        ends, made = pa.array(self._ends, pa.int32()), pa.array(there, pa.bool_())
        pages = pa.py_buffer(self._pages).slice(0, self._ends[-1])
        return pa.Array.from_buffers(pa.binary(), len(there), [made.buffers()[1], ends.buffers()[1], pages])


def _made(
    compiled: CompiledCampaign, context: RenderContext, rows: Iterable[dict[str, Any]]
) -> Iterator[tuple[Mail, dict[str, Any]]]:
    """The mail of each row, by the edition that its arms ask for."""
    bound = program(compiled, context)
    if not compiled.editions:
        return ((bound.mail(row), row) for row in rows)
    return ((program(compiled.edition(row), context).mail(row), row) for row in rows)


def row_columns(compiled: CompiledCampaign) -> list[str]:
    """The columns of the frame that rendering reads."""
    always = {"profile_id", "locale", "recommendations", "recommendation_note"}
    always |= {name for ask in compiled.asks for name in (ask.column, ask.note)}
    slots = {f"{kind}:{slot}" for slot in compiled.all_slots for kind in ("slot", "eligible")}
    arms = {f"experiment:{name}" for name in compiled.experiments}
    return sorted(compiled.names | always | slots | arms | ({ARMS} if arms else set()))


def shown_lists(compiled: CompiledCampaign, mail: Mail) -> frozenset[str]:
    """The columns of the lists that the mail shows: the template's, and those of the blocks in it."""
    shown = ["", *(name for name in mail.slots.values() if name is not None)]
    return frozenset().union(*(compiled.lists.get(name, frozenset()) for name in shown))


def headers(unsubscribe_url: str) -> list[tuple[str, str]]:
    """One-click unsubscription (RFC 8058)."""
    return [
        ("List-Unsubscribe", f"<{unsubscribe_url}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]


def arms_shown(row: Mapping[str, Any], compiled: CompiledCampaign) -> dict[str, Any]:
    """What a trace says of experiments: the arm of each, and those of them in which a promoted winner is
    shown to somebody who takes no part."""
    shown = {name: row[f"experiment:{name}"] for name in compiled.experiments}
    shown = {name: arm for name, arm in shown.items() if arm is not None}
    taking_part = {entry["experiment"] for entry in row.get(ARMS) or ()}
    promoted = [name for name in shown if name not in taking_part]
    return ({"experiments": shown} if shown else {}) | ({"promoted": promoted} if promoted else {})


def _row(mail: Mail, row: dict[str, Any], compiled: CompiledCampaign) -> tuple[Any, ...]:
    """A mail as one row of ``MAILS``; of its HTML only whether there is any."""
    trace = compact_trace(mail, row, compiled)
    if mail.skip is not None:
        nothing = (None, None, False, None, None, None)
        return (row["profile_id"], "skipped", str(mail.skip), mail.detail, mail.message_id, *nothing, trace)
    return (
        row["profile_id"],
        "rendered",
        None,
        None,
        mail.message_id,
        mail.subject,
        mail.preheader,
        True,
        mail.text,
        headers(mail.unsubscribe_url),
        mail.variant,
        trace,
    )


def compact_trace(mail: Mail, row: dict[str, Any], compiled: CompiledCampaign) -> bytes:
    """The decisions of one mail as short JSON; ``explain_row`` gives the whole."""
    shown: dict[str, Any] = {
        "message_id": mail.message_id,
        "profile_id": row["profile_id"],
        "slots": mail.slots,
    }
    if mail.failed:
        shown["failed"] = mail.failed
    if compiled.experiments:
        shown |= arms_shown(row, compiled)
    if mail.uses:
        edition = compiled.edition(row)
        codes = {"html": edition.html, "line": edition.line}
        used = {(codes[mode].fallbacks[number][0], str(value)) for mode, number, value in mail.uses}
        shown["fallbacks"] = sorted(used)
    if row["recommendations"]:
        shown["recommendations"] = [[item["item_id"], item["source"]] for item in row["recommendations"]]
    if row.get("recommendation_note"):
        shown["note"] = row["recommendation_note"]
    if compiled.asks:
        lists = shown_lists(compiled, mail)
        shown["asked"] = {
            ask.text: [[item["item_id"], item["source"]] for item in row[ask.column]]
            for ask in compiled.asks
            if ask.column in lists
        }
    if mail.skip is not None:
        shown["skip"], shown["detail"] = str(mail.skip), mail.detail
    return orjson.dumps(shown)
