"""One profile with very many events: all are stored, the newest are looked at, and no commit is slowed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

import triggers.features as features
from rules import Rule
from tests.triggers.conftest import NOW, identify, track
from triggers import Worker
from triggers.begin import EACH
from triggers.lanes import Lanes
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


@pytest.fixture
def work(monkeypatch):
    """How often rules were asked, and how often the warmth of a whole history was added up."""
    done = Counter()

    def counted(of, name, key):
        plain = getattr(of, name)

        def count(*args, **more):
            done[key(*args)] += 1
            return plain(*args, **more)

        monkeypatch.setattr(of, name, count)

    counted(Rule, "holds", lambda rule, *_: rule.text)
    counted(features, "_warmth", lambda *_: "warmth")
    return done


def test_the_work_of_a_commit_does_not_grow_with_the_events_of_one_profile(opened, sqlite_url, work):
    live = opened(sqlite_url)
    asked = {}
    for n, count in enumerate((40, 400, 2_000)):
        live.ingest(calls_of("p0", 1), now=NOW + timedelta(seconds=2 * n))  # reads the profile
        work.clear()
        calls = [*calls_of("p0", count, 10_000 * (n + 1)), *calls_of("p1", 1, n)]
        assert live.ingest(calls, now=NOW + timedelta(seconds=2 * n + 1)).accepted == count + 1
        asked[count] = {text: times for text, times in work.items() if "category = 'shoes'" not in text}
    assert asked[2_000]["warmth"] <= 8  # engagement and trend, of two profiles, before and after
    # Each of p0's first, once for the rest, once for p1; and once more where it is told why a rule failed.
    assert max(asked[2_000].values()) <= 2 * (EACH + 1 + 1)
    assert sum(asked[2_000].values()) <= sum(asked[40].values())


def test_of_a_flood_every_occasion_has_its_run_and_what_cancels_still_does(opened, sqlite_url):
    live = opened(sqlite_url, only=["follow-up", "cart-abandoned"])
    orders = [
        {**track("p0", "order_completed", -1, order_id=f"o{n}", product_id="i1"), "messageId": f"o{n}"}
        for n in range(3 * EACH)
    ]
    added = [
        {
            **track("p1", "product_added", -1 + n / 1000, cart_id=f"c{n}", product_id="i1"),
            "messageId": f"a{n}",
        }
        for n in range(3 * EACH)
    ]
    live.ingest([*orders, *added, track("p1", "checkout_started", -0.5)], now=NOW)
    with live.store.db.read() as connection:
        assert len(live.store.runs_of(connection, "p0")) == 3 * EACH
        assert {run.state for run in live.store.runs_of(connection, "p1")} == {"cancelled"}


def test_what_is_asked_at_the_end_of_a_commit_holds_then(opened, sqlite_url):
    """Too few views for the rule while each was asked; at the end there were enough."""
    live = opened(sqlite_url, only=["category-interest"])
    few = [
        {**track("p2", "product_viewed", -3, category="shoes"), "messageId": f"old{n}"} for n in range(EACH)
    ]
    new = [
        {**track("p2", "product_viewed", -0.1, category="shoes"), "messageId": f"new{n}"} for n in range(3)
    ]
    live.ingest([*few, *new], now=NOW)
    with live.store.db.read() as connection:
        assert [run.trigger for run in live.store.runs_of(connection, "p2")] == ["category-interest"]


def test_a_flood_before_somebody_is_known_is_cancelled_with_the_rest(opened, sqlite_url):
    live = opened(sqlite_url, only=["niche-search", "browse-abandoned"])
    views = calls_of("x", 2 * EACH)
    for call in views:
        call["anonymousId"] = call.pop("userId")
    live.ingest([*views, {**identify("p3", email="p3@example.com"), "anonymousId": "x"}], now=NOW)
    with live.store.db.read() as connection:
        runs = live.store.runs_of(connection, "anonymous:x")
        assert {(run.state, run.reason) for run in runs} == {("cancelled", "identified")}


def test_whoever_comes_after_a_flood_is_stored_before_it(opened, sqlite_url, monkeypatch):
    live = opened(sqlite_url, only=["welcome"])
    take, order = live.take, []

    def noted(readings, **more):
        order.append([call.user for reading in readings for call in reading.taken])
        return take(readings, **more)

    monkeypatch.setattr(live, "take", noted)
    monkeypatch.setattr("triggers.commits.GROUP_S", 1.0)
    worker = Worker(live, clock=lambda: NOW, runs=False)
    flood = [worker.submit(calls_of("p0", 150, n)) for n in range(0, 1_500, 150)]
    other = worker.submit([*calls_of("p1", 1), *calls_of("p2", 1)])
    again = worker.submit(calls_of("p0", 1, 5_000))
    with worker:
        assert other.result(60).accepted == 2
        assert sum(one.result(60).accepted for one in [*flood, again]) == 1_501
    assert {"p1", "p2"} <= set(order[0])
    assert [len(group) for group in order] == [150 + 2 + 200, 200, 200, 200, 200, 200, 151]
    assert order[-1][-1] == "p0"


def test_a_batch_of_many_people_is_not_held_up_by_one_of_them(opened, sqlite_url):
    lanes = Lanes()
    live = opened(sqlite_url, only=["welcome"])
    for name, calls in (
        ("flood", calls_of("p0", 500)),
        ("more", calls_of("p0", 10, 500)),
        ("mixed", [*calls_of("p0", 5, 600), *calls_of("p1", 5)]),
    ):
        lanes.put(name, live.read(calls, now=NOW, source="http"))
    taken = []
    while some := lanes.take(patience_s=0, together_s=0):
        taken.append([(name, len(reading.taken)) for name, reading in some])
    assert taken == [[("mixed", 10), ("flood", 200)], [("flood", 200)], [("flood", 100), ("more", 10)]]
    assert not lanes._waiting


def test_a_large_batch_of_one_profile_lets_others_through_and_is_answered_as_one(
    opened, sqlite_url, monkeypatch
):
    live = opened(sqlite_url, only=["welcome"])
    take, order = live.take, []

    def noted(readings, **more):
        order.append([reading.source for reading in readings])
        return take(readings, **more)

    monkeypatch.setattr(live, "take", noted)
    monkeypatch.setattr("triggers.commits.GROUP_S", 1.0)
    worker = Worker(live, clock=lambda: NOW, runs=False)
    calls = calls_of("p0", 700)
    calls[333] = {"type": "track", "event": "product_viewed"}
    calls[650]["event"] = "undeclared"
    calls[699] = calls[0]
    flood = worker.submit(calls, "flood")
    other = worker.submit(calls_of("p1", 1), "other")
    with worker:
        assert other.result(60).accepted == 1
        done = flood.result(60)
    assert order[0] == ["other", "flood"]
    assert len(order) == 4
    assert (done.accepted, done.duplicates, len(done.refused), len(done.outcomes)) == (698, 1, 1, 700)
    assert done.outcomes[333].startswith("nobody")
    assert done.outcomes[699] == "duplicate"
    assert [place for place, _ in done.noted] == [650]
    assert worker.queued == 0
