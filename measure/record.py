"""What was sent to whom, and what ESPs said of it, as the tables that are measured later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailwright.model.identity import message_id
from mailwright.model.message import SkipReason, Status
from measure.schema import MESSAGES, OUTCOMES

SEGMENT, SLOT = "segment:", "slot:"
MACHINE = "machine"
"""The reason that the outbox keeps with an open or click of which the ESP says that no person did it."""
Mask = npt.NDArray[np.bool_]
_ASKED = MESSAGES.field("asked").type


def record_messages(
    frame: pa.Table,
    *,
    campaign: str,
    occasion: str,
    at: datetime | pa.Array | pa.ChunkedArray,
    status: pa.Array | pa.ChunkedArray | None = None,
    held_out: Mask | None = None,
    arms: pa.Array | pa.ChunkedArray | None = None,
    trigger: str | None = None,
    simulated: bool = False,
) -> pa.Table:
    """The rows of ``frame`` (recipients and those held out) in the shape of ``schema.MESSAGES``.

    ``frame`` has ``profile_id`` and, where known, ``locale``, ``variant``, ``segment:<name>`` (boolean),
    ``slot:<name>`` (the block's name), ``recommendations`` (list of structs with ``item_id`` and ``source``)
    and ``asked`` (as in the schema). ``at`` and ``status`` are one for all rows or one a row; without a
    status everyone was accepted. ``arms`` is ``Assignment.enrolled`` of these rows. Rows of ``held_out`` are
    skipped as such.
    """
    rows = frame.num_rows
    held = np.zeros(rows, dtype=bool) if held_out is None else held_out
    accepted = pa.repeat(pa.scalar(str(Status.ACCEPTED)), rows) if status is None else _flat(status)
    skipped = pa.array(held)
    columns = {
        "message_id": pa.array(
            [message_id(campaign, profile, occasion) for profile in frame["profile_id"].to_pylist()],
            pa.string(),
        ),
        "profile_id": frame["profile_id"],
        "campaign": pa.repeat(pa.scalar(campaign), rows),
        "occasion": pa.repeat(pa.scalar(occasion), rows),
        "trigger": pa.repeat(pa.scalar(trigger, pa.string()), rows),
        "at": pa.repeat(pa.scalar(at, MESSAGES.field("at").type), rows) if isinstance(at, datetime) else at,
        "status": pc.if_else(skipped, str(Status.SKIPPED), accepted),
        "skip_reason": pc.if_else(skipped, str(SkipReason.HOLDOUT), pa.scalar(None, pa.string())),
        "locale": _column(frame, "locale"),
        "variant": _column(frame, "variant"),
        "segments": _segments(frame),
        "blocks": _blocks(frame),
        "recommendations": _recommendations(frame),
        "asked": frame["asked"] if "asked" in frame.column_names else pa.nulls(rows, _ASKED),
        "arms": arms if arms is not None else pa.nulls(rows, MESSAGES.field("arms").type),
        "simulated": pa.repeat(pa.scalar(simulated), rows),
    }
    return pa.table(columns).select(MESSAGES.names).cast(MESSAGES)


def asked_items(traces: Iterable[Mapping[str, Any]]) -> pa.Array:
    """What blocks asked for, of each mail's trace, in the shape of the schema's ``asked``.

    A trace's ``asked`` has the lists that the mail shows, each a list of ``[item_id, source]``, best first.
    """
    return pa.array([list_asked(trace.get("asked") or {}) for trace in traces], _ASKED)


def list_asked(lists: Mapping[str, Iterable[tuple[str, str]]]) -> list[dict[str, Any]]:
    """The items of one mail's asked lists, each with its place in its own list, from 1."""
    return [
        {"item_id": item, "source": source, "position": position}
        for items in lists.values()
        for position, (item, source) in enumerate(items, start=1)
    ]


def record_outcomes(events: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Webhook events as the outbox keeps them, in the shape of ``schema.OUTCOMES``.

    Each has ``esp``, ``event_id``, ``kind``, ``at`` (Unix seconds), ``message_id``, ``url``, and ``machine``
    where the adapter knows. An instant that is no instant (negative, or after the year 9999) is left out.
    """
    columns: dict[str, list[Any]] = {name: [] for name in OUTCOMES.names}
    for event in events:
        if not 0 <= event["at"] < _YEAR_10000:
            continue
        columns["event_id"].append(f"{event['esp']}:{event['event_id']}")
        columns["kind"].append(str(event["kind"]))
        columns["at"].append(round(event["at"] * 1_000_000))
        for name in ("message_id", "url", "machine"):
            columns[name].append(event.get(name))
        columns["simulated"].append(False)
    return pa.table(columns, schema=OUTCOMES)


_YEAR_10000 = 253_402_300_800
"""In Unix seconds."""


def _segments(frame: pa.Table) -> pa.Array:
    names = [name for name in frame.column_names if name.startswith(SEGMENT)]
    values = [pa.repeat(pa.scalar(name.removeprefix(SEGMENT)), frame.num_rows) for name in names]
    present = [np.asarray(pc.fill_null(_flat(frame[name]), False)) for name in names]
    return _lists(values, present, frame.num_rows, MESSAGES.field("segments").type)


def _blocks(frame: pa.Table) -> pa.Array:
    names = [name for name in frame.column_names if name.startswith(SLOT)]
    values, present = [], []
    for name in names:
        block = _flat(frame[name]).cast(pa.string())
        slot = pa.repeat(pa.scalar(name.removeprefix(SLOT)), frame.num_rows)
        values.append(pa.StructArray.from_arrays([slot, block], names=["slot", "block"]))
        present.append(np.asarray(block.is_valid()))
    return _lists(values, present, frame.num_rows, MESSAGES.field("blocks").type)


def _recommendations(frame: pa.Table) -> pa.Array:
    kind = MESSAGES.field("recommendations").type
    if "recommendations" not in frame.column_names:
        return pa.nulls(frame.num_rows, kind)
    shown = _flat(frame["recommendations"])
    items = shown.flatten()
    kept = pa.StructArray.from_arrays(
        [pc.struct_field(items, "item_id"), pc.struct_field(items, "source").cast(pa.string())],
        names=["item_id", "source"],
    )
    lengths = np.asarray(pc.fill_null(pc.list_value_length(shown), 0))
    return pa.ListArray.from_arrays(_offsets(lengths), kept).cast(kind)


def _lists(values: list[pa.Array], present: list[Mask], rows: int, kind: pa.DataType) -> pa.Array:
    """Of each row the values that are present, in the order of the columns."""
    if not values:
        return pa.array([[]] * rows, kind)
    here = np.column_stack(present)
    order = np.arange(len(values) * rows).reshape(len(values), rows).T  # row by row, not column by column
    return pa.ListArray.from_arrays(
        _offsets(here.sum(axis=1)), pa.concat_arrays(values).take(pa.array(order[here]))
    ).cast(kind)


def _offsets(lengths: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _column(frame: pa.Table, name: str) -> pa.Array | pa.ChunkedArray:
    if name not in frame.column_names:
        return pa.nulls(frame.num_rows, pa.string())
    return frame[name].cast(pa.string())


def _flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
