"""The features told once more, as one query of DuckDB that knows nothing of how they are computed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audience import FEATURES, arrow_schema
from audience.arrow import query
from audience.rfm import rfm_cuts, rfm_scores
from audience.zones import known_zones

_EVENTS = {
    "viewed": "product_viewed",
    "added": "product_added",
    "bought": "order_completed",
    "removed": "product_removed",
    "opened": "email_opened",
    "clicked": "email_clicked",
}


def features_in_sql(
    profiles: pa.Table, interactions: pa.Table, items: pa.Table, *, now: datetime
) -> dict[str, pa.Array]:
    """``FEATURES`` by name, as ``add_features`` must have them."""
    position = pc.index_in(interactions["profile_id"], value_set=profiles["profile_id"].combine_chunks())
    place = pc.index_in(interactions["item_id"], value_set=items["item_id"].combine_chunks())
    events = pa.table(
        {
            "position": position,
            "category": items["category"].combine_chunks().take(place.combine_chunks()),
            **{name: interactions[name] for name in ("item_id", "at", "quantity", "amount")},
            **{
                name: pc.fill_null(pc.equal(interactions["event"], event), False)
                for name, event in _EVENTS.items()
            },
        }
    ).filter(pc.is_valid(position))
    zones = profiles["timezone"].combine_chunks()
    people = pa.table(
        {
            "position": np.arange(profiles.num_rows),
            "timezone": pc.if_else(pc.is_in(zones, value_set=known_zones()), zones, None),
        }
    )
    found = query(_SQL, {"now": now}, people=people, events=events)
    scores = rfm_scores(found, rfm_cuts(found, now=now), now=now)
    columns = {name: scores[name] if name in scores else found[name] for name in FEATURES}
    return {field.name: _whole(columns[field.name]).cast(field.type) for field in arrow_schema(FEATURES)}


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


_SQL = Path(__file__).with_name("features.sql").read_text(encoding="utf-8")
