"""What mails show, of a batch of recipients: mails that show the same are one row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from render.batch import row_columns
from render.compiled import CompiledCampaign
from render.context import RenderContext
from render.mail import Mail
from render.program import Program, program
from render.rows import batch_rows

SEEN = pa.schema(
    [
        ("shows", pa.list_(pa.string())),
        ("count", pa.int64()),
        ("profile_id", pa.string()),
        ("variant", pa.string()),
        ("reason", pa.string()),
        ("largest", pa.int64()),
        ("largest_profile", pa.string()),
    ]
)
"""One row for mails of a batch that show the same: how many, the first of them, the largest of them."""


def see_batch(compiled: CompiledCampaign, context: RenderContext, batch: pa.RecordBatch) -> pa.RecordBatch:
    """What the mails of a batch show, mails that show the same in one row (``SEEN``)."""
    groups: list[dict[str, Any]] = []
    for row in batch_rows(batch, row_columns(compiled), context.catalogue):
        bound = program(compiled.edition(row), context, record=True)
        mail = bound.mail(row)
        groups.append(
            {
                "shows": sorted(_shows(mail, bound)),
                "count": 1,
                "profile_id": row["profile_id"],
                "variant": mail.variant if mail.skip is None else "",
                "reason": str(mail.skip) if mail.skip else None,
                "largest": len(mail.html),
                "largest_profile": row["profile_id"],
            }
        )
    return pa.RecordBatch.from_pylist(merged([], groups), schema=SEEN)


def _shows(mail: Mail, bound: Program) -> set[str]:
    """Blocks, failed blocks, fallbacks and arms of one mail, each as ``kind|what|where``."""
    compiled = bound.compiled
    shows = {f"failed|{block}|{slot}" for slot, block, _ in mail.failed}
    if mail.skip is not None:
        return shows
    shows |= {f"block|{block}|{slot}" for slot, block in mail.slots.items() if block is not None}
    codes = {"html": compiled.recorded, "line": compiled.line}
    for mode, number, _ in mail.uses:
        expression, segment = codes[mode].fallbacks[number]
        shows.add(f"fallback|{expression}|{_place(compiled, segment)}")
    for arm in mail.arms:
        what, segment = compiled.recorded.arms[arm]
        shows.add(f"arm|{what}|{_place(compiled, segment)}")
    return shows


def _place(compiled: CompiledCampaign, segment: int) -> str:
    return str(compiled.places[segment]) if 0 <= segment < len(compiled.places) else ""


def merged(groups: list[dict[str, Any]], more: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups that show the same joined; the first profile and the largest mail are kept."""
    by_key = {(tuple(g["shows"]), g["variant"], g["reason"]): g for g in groups}
    for group in more:
        key = (tuple(group["shows"]), group["variant"], group["reason"])
        old = by_key.get(key)
        if old is None:
            by_key[key] = dict(group)
            continue
        old["count"] += group["count"]
        if group["largest"] > old["largest"]:
            old["largest"], old["largest_profile"] = group["largest"], group["largest_profile"]
    return list(by_key.values())
