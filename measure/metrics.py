"""What an experiment can be judged by, and where it stands in the facts."""

from __future__ import annotations

from mailwright.errors import UsageError, did_you_mean

HITS = {
    "delivered": "delivered",
    "bounced": "bounced",
    "opened": "opened",
    "clicked": "clicked",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
    "converted": "bought",
}
"""Metric → its column of ``facts``. Orders count for a mail whenever they fall into its window, whoever has
the credit: arms are compared by what happened to the people in them."""


def column_of(metric: str) -> str:
    """The column of ``facts``; raises UsageError for a metric that there is not."""
    columns = {**HITS, "revenue": "spent"}
    if metric not in columns:
        raise UsageError(f"there is no metric {metric!r}", fix=did_you_mean(metric, columns))
    return columns[metric]
