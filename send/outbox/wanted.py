"""Who may be mailed at this very moment, and who not until later; each with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from mailwright.model.message import SkipReason, Status
from send.outbox.schema import messages, preferences, suppressions
from send.policy import DeliveryPolicy

SENT = (
    Status.CLAIMED, Status.ACCEPTED, Status.UNKNOWN, Status.DELIVERED, Status.DEFERRED, Status.OPENED,
    Status.CLICKED, Status.COMPLAINED, Status.UNSUBSCRIBED,
)  # fmt: skip
"""What counts against a frequency cap and makes another a duplicate: all that has left, or may have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Weighs rows of ``outbox_messages`` against the suppression list, preferences and the policy."""

    policy: DeliveryPolicy

    def reasons(
        self, connection: sa.Connection, rows: Sequence[Any], now: float, *, counted: bool = False
    ) -> dict[str, str]:
        """Message id → why it will not be sent; the first reason in the order of SkipReason counts.

        ``counted``: the rows already stand in the count of their profiles' caps.
        """
        over = [row for row in rows if row.not_after is not None and now > row.not_after]
        reasons: dict[str, str] = {row.message_id: SkipReason.STOPPED for row in over}
        hashes = {row.address_hash for row in rows}
        listed = dict(
            connection.execute(
                sa.select(suppressions.c.address_hash, suppressions.c.reason).where(
                    suppressions.c.address_hash.in_(hashes)
                )
            ).all()
        )
        unwanted = self._unwanted(connection, rows)
        for row in rows:
            if row.message_id in reasons:
                continue
            if (why := listed.get(row.address_hash)) is not None:
                unsubscribed = why == SkipReason.UNSUBSCRIBED
                reasons[row.message_id] = SkipReason.UNSUBSCRIBED if unsubscribed else SkipReason.SUPPRESSED
            elif (row.profile_id, "*") in unwanted:
                reasons[row.message_id] = SkipReason.UNSUBSCRIBED
            elif (row.profile_id, row.purpose) in unwanted:
                reasons[row.message_id] = SkipReason.NO_CONSENT
            elif self.policy.holdout is not None and self.policy.holdout(row.campaign, row.profile_id):
                reasons[row.message_id] = SkipReason.HOLDOUT
        if not counted:
            left = [row for row in rows if row.message_id not in reasons]
            reasons.update(dict.fromkeys(self._capped(connection, left, now), SkipReason.CAPPED))
        return reasons

    def _unwanted(self, connection: sa.Connection, rows: Sequence[Any]) -> set[tuple[str, str]]:
        found = connection.execute(
            sa.select(preferences.c.profile_id, preferences.c.purpose).where(
                preferences.c.profile_id.in_({row.profile_id for row in rows}),
                preferences.c.wanted.is_(False),
            )
        ).all()
        return {(row.profile_id, row.purpose) for row in found}

    def _capped(self, connection: sa.Connection, rows: Sequence[Any], now: float) -> set[str]:
        """Ids of the messages that come after their profile has had its fill."""
        capped: set[str] = set()
        for cap in self.policy.caps:
            had: dict[str, int] = dict(
                connection.execute(
                    sa.select(messages.c.profile_id, sa.func.count())
                    .where(
                        messages.c.profile_id.in_({row.profile_id for row in rows}),
                        messages.c.claimed_at > now - cap.days * 86400,
                        messages.c.status.in_(SENT),
                    )
                    .group_by(messages.c.profile_id)
                ).all()
            )
            for row in rows:
                if row.message_id in capped:
                    continue
                had[row.profile_id] = had.get(row.profile_id, 0) + 1
                if had[row.profile_id] > cap.count:
                    capped.add(row.message_id)
        return capped

    def later(self, rows: Sequence[Any], now: float) -> dict[str, float]:
        quiet = self.policy.quiet_hours
        if quiet is None:
            return {}
        at = datetime.fromtimestamp(now, UTC)
        ends = {row.message_id: quiet.until(at, row.timezone) for row in rows}
        return {message_id: end.timestamp() for message_id, end in ends.items() if end is not None}
