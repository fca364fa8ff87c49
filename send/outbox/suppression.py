"""Whom nobody may mail: by address, kept beside a keyed hash that outlives the address itself."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from send.address import canonical
from send.outbox.database import Database
from send.outbox.schema import preferences, suppressions


class Suppressions:
    """The suppression list and the preferences of one store."""

    def __init__(
        self, db: Database, hash_address: Callable[[str], bytes], clock: Callable[[], float]
    ) -> None:
        self._db, self._hash, self._clock = db, hash_address, clock

    def add(self, address: str, reason: str, *, source: str = "") -> None:
        """No mail to this address any more. Adding it again changes nothing."""
        row = {
            "address_hash": self._hash(address),
            "address": canonical(address),
            "reason": reason,
            "source": source,
            "at": self._clock(),
        }
        with self._db.write() as connection:
            self._db.insert_new(connection, suppressions, [row])

    def remove(self, address: str) -> bool:
        """Whether the address was on the list."""
        with self._db.write() as connection:
            gone = connection.execute(
                sa.delete(suppressions).where(suppressions.c.address_hash == self._hash(address))
            )
            return bool(gone.rowcount)

    def reason(self, address: str) -> str | None:
        """Why the address is on the list, or None when it is not."""
        with self._db.read() as connection:
            return connection.execute(
                sa.select(suppressions.c.reason).where(suppressions.c.address_hash == self._hash(address))
            ).scalar_one_or_none()

    def forget(self, address: str) -> None:
        """Keeps the suppression and drops the address itself (erasure of a person)."""
        with self._db.write() as connection:
            connection.execute(
                sa.update(suppressions)
                .where(suppressions.c.address_hash == self._hash(address))
                .values(address=None)
            )

    def prefer(self, profile_id: str, purpose: str, *, wanted: bool) -> None:
        """A profile's own word on one purpose, from its preference page."""
        row = {"profile_id": profile_id, "purpose": purpose, "wanted": wanted, "at": self._clock()}
        with self._db.write() as connection:
            self._db.upsert(connection, preferences, row, ("profile_id", "purpose"))

    def preferred(self, profile_id: str) -> dict[str, bool]:
        """Purpose → wanted, of those that the profile has spoken on."""
        with self._db.read() as connection:
            rows = connection.execute(
                sa.select(preferences.c.purpose, preferences.c.wanted).where(
                    preferences.c.profile_id == profile_id
                )
            )
            return dict(rows.all())
