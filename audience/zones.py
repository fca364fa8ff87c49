"""The time zones that a profile can live in."""

from __future__ import annotations

import zoneinfo
from functools import cache

import pyarrow as pa


@cache
def known_zones() -> pa.Array:
    """IANA's names; without ``localtime``, which means another place on every machine."""
    return pa.array(sorted(zoneinfo.available_timezones() - {"localtime"}))
