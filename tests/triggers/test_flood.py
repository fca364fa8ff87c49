"""One profile with very many events: all are stored, the newest are looked at."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from tests.triggers.conftest import NOW, track
from triggers.profile import MOST_EVENTS
from triggers.schema import events


def calls_of(profile, count, start=0):
    return [
        {**track(profile, "product_viewed", -1, product_id="i1"), "messageId": f"{profile}-{start + n}"}
        for n in range(count)
    ]


def test_every_event_of_a_flood_is_stored_and_the_newest_are_looked_at(opened, sqlite_url):
    live = opened(sqlite_url, only=["just-viewed", "engagement-spike"])
    for n in range(0, 8_000, 2_000):
        assert live.ingest(calls_of("p0", 2_000, n), now=NOW + timedelta(seconds=n)).accepted == 2_000
    with live.store.db.read() as connection:
        counted = sa.select(sa.func.count()).where(events.c.profile_id == "p0")
        assert connection.execute(counted).scalar() == 8_000
        standing = live.store.standing(connection, ["p0"])
        again = opened(sqlite_url).people.load(connection, standing, ["p0"])["p0"]
    assert len(again.rows) == MOST_EVENTS
