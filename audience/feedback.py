"""What mails and live events brought back, laid beside the workspace's own interactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audience.arrow import arrow_schema
from audience.intake import with_defaults
from audience.order import decoded
from audience.report import AudienceReport
from audience.things import renamed
from mailwright.errors import DataError
from mailwright.model.schema import INTERACTION_ATTRIBUTES
from mailwright.model.workspace import WorkspaceSpec

_SAME = ["profile_id", "event", "at", "item_id"]


def add_feedback(
    interactions: pa.Table,
    path: Path | None,
    spec: WorkspaceSpec,
    report: AudienceReport,
    *,
    profiles: pa.Table,
    aliases: Mapping[str, str],
    items: pa.Table,
    now: datetime,
) -> pa.Table:
    """The interactions and those of the file, which need not be there; sorted as interactions are.

    Rows of profiles that there are no more, and of instants after ``now``, are left out; an item that the
    catalogue no longer has is forgotten. What the workspace's own data says too is there once.
    """
    if path is None or not path.is_file():
        return interactions
    interactions = decoded(interactions)
    schema = arrow_schema(INTERACTION_ATTRIBUTES | spec.event)
    try:
        read = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}", fix="mailwright feedback makes it anew") from error
    columns = {
        field.name: read[field.name].combine_chunks().cast(field.type)
        if field.name in read.column_names
        else pa.nulls(read.num_rows, field.type)
        for field in schema
    }
    columns["profile_id"] = renamed(columns["profile_id"], aliases)
    known = pc.is_in(columns["item_id"], value_set=items["item_id"].combine_chunks())
    columns["item_id"] = pc.if_else(known, columns["item_id"], pa.scalar(None, pa.string()))
    there = pc.is_in(columns["profile_id"], value_set=profiles["profile_id"].combine_chunks())
    past = pc.less_equal(columns["at"], pa.scalar(now, columns["at"].type))
    table = with_defaults(
        pa.table(columns, schema=schema).filter(pc.and_(there, past)), INTERACTION_ATTRIBUTES | spec.event
    )
    table = _new(table.select(interactions.column_names).cast(interactions.schema), interactions)
    if table.num_rows:
        report.notes.append(f"{table.num_rows:,} interactions came back from mails and live events")
    whole = pa.concat_tables([interactions, table])
    return whole.sort_by([(name, "ascending") for name in ("profile_id", "at", "event", "item_id")])


def _new(table: pa.Table, known: pa.Table) -> pa.Table:
    """The rows that are not in ``known``."""
    if not known.num_rows or not table.num_rows:
        return table
    rows = pa.array(np.arange(table.num_rows))
    mine, theirs = (_comparable(one) for one in (table, known))
    missing = mine.append_column("row", rows).join(theirs, _SAME, join_type="left anti")
    return table.take(pa.array(np.sort(missing["row"].to_numpy())))


def _comparable(table: pa.Table) -> pa.Table:
    """What makes two rows the same. A join takes no NULL for equal, and many events are about no item."""
    same = table.select(_SAME)
    place = same.column_names.index("item_id")
    return same.set_column(place, "item_id", pc.fill_null(same["item_id"], ""))
