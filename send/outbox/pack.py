"""Cuts messages into calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from send.address import canonical


def pack(rows: Sequence[sa.Row[Any]], most: int, max_bytes: int) -> Iterator[list[sa.Row[Any]]]:
    """Cuts rows, in their order, where a limit is met, an address comes a second time or a campaign ends."""
    pack: list[sa.Row[Any]] = []
    size, seen = 0, set[str]()
    for row in rows:
        address = canonical(row.address) if most > 1 else ""
        full = len(pack) == most or size + row.part_bytes + 1 > max_bytes
        if most > 1 and pack and not full:
            other = (row.campaign, row.occasion) != (pack[-1].campaign, pack[-1].occasion)
            full = other or address in seen or row.alone or pack[-1].alone
        if pack and full:
            yield pack
            pack, size, seen = [], 0, set()
        pack.append(row)
        size += row.part_bytes + 1
        seen.add(address)
    if pack:
        yield pack
