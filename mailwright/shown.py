"""Which items the last mails showed each profile, so that the next mail need not show them again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audience.arrow import query
from mailwright.errors import DataError
from mailwright.model.replacing import replacing

SHOWN = "feedback/shown.parquet"
"""Where they are kept, below the workspace's state; made anew before each run and by ``feedback``."""

_LAST = """
    WITH mails AS (
        SELECT profile_id, campaign, occasion, "at",
            list_concat(
                list_transform(coalesce(recommendations, []), lambda one: one.item_id),
                list_transform(coalesce(asked, []), lambda one: one.item_id)
            ) AS items
        FROM sent WHERE skip_reason IS NULL AND status NOT IN ('rejected', 'skipped', 'bounced')
        QUALIFY row_number() OVER (PARTITION BY profile_id ORDER BY "at" DESC, message_id) <= 2
    )
    SELECT profile_id, campaign, occasion, "at", unnest(list_sort(list_distinct(items))) AS item_id FROM mails
    ORDER BY profile_id, "at", item_id
"""


def keep_shown(sent: pa.Table, path: Path) -> None:
    """Write the items of each profile's last two mails: one of them may be the mail that is made again."""
    with replacing(path) as part:
        pq.write_table(query(_LAST, sent=sent), part, compression="zstd")


def read_shown(path: Path) -> pa.Table | None:
    """What ``keep_shown`` wrote; None where nothing was ever sent. Raises DataError for a damaged file."""
    if not path.is_file():
        return None
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}", fix="mailwright feedback makes it anew") from error


def last_shown(shown: pa.Table | None, *, campaign: str, occasion: str, now: datetime) -> pa.Table | None:
    """``profile_id``, ``item_id`` of what each profile's last mail before ``now`` showed.

    The mail of this campaign and occasion is not one of them: made again, it must be what it was.
    """
    if shown is None:
        return None
    this = pc.and_(pc.equal(shown["campaign"], campaign), pc.equal(shown["occasion"], occasion))
    before = pc.less_equal(shown["at"], pa.scalar(now, shown["at"].type))
    others = shown.filter(pc.and_(pc.invert(pc.fill_null(this, False)), before))
    latest = others.group_by("profile_id").aggregate([("at", "max")]).rename_columns(["profile_id", "at"])
    return others.join(latest, ["profile_id", "at"], join_type="inner", use_threads=False).select(
        ["profile_id", "item_id"]
    )
