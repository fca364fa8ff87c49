"""Every zone that a profile may have is one that the features can work with."""

from __future__ import annotations

import pyarrow as pa

from audience.arrow import query
from audience.zones import known_zones


def test_duckdb_knows_every_zone():
    zones = pa.table({"z": known_zones()})
    hours = query("SELECT hour(timezone(z, TIMESTAMPTZ '2026-07-01 12:00:00Z')) AS h FROM zones", zones=zones)
    assert hours.num_rows > 400
    assert hours.column("h").null_count == 0
