"""What workers keep of profiles and runs between two commits is what the store has."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from tests.triggers.conftest import NOW, identify, track
from triggers.schema import events, profiles, runs

_KINDS = (
    "page_viewed",
    "product_viewed",
    "product_added",
    "checkout_started",
    "order_completed",
    "signed_up",
)
_events = st.tuples(
    st.integers(0, 1), st.lists(st.tuples(st.integers(0, 2), st.sampled_from(_KINDS)), min_size=1, max_size=6)
)
_hours = st.tuples(st.integers(0, 1), st.sampled_from([0.3, 1, 30, 200]))


def kept(live):
    """The tables, without what differs from one store to another."""
    names = ("trigger", "profile_id", "occasion", "state", "reason", "place", "due_at", "mails", "trace")
    with live.store.db.read() as connection:
        found = connection.execute(sa.select(*(runs.c[name] for name in names)).order_by(*names[:3])).all()
        told = connection.execute(
            sa.select(profiles.c.profile_id, profiles.c.attributes, profiles.c.segments).order_by(
                "profile_id"
            )
        ).all()
        lines = connection.execute(sa.select(events.c.message_id, events.c.profile_id).order_by("message_id"))
        return [*found, *told, *lines.all()]


def carry_out(steps, workers, *, remembering):
    """Events and hours, each on one of the workers."""
    now, number = NOW, count()
    for which, what in steps:
        live = workers[which]
        if not remembering:
            live.people.forget_all()
        if isinstance(what, list):
            calls = []
            for person, kind in what:
                call = track(f"p{person}", kind, 0, product_id="i1", category="shoes", cart_id=f"c{person}")
                calls.append({**call, "timestamp": now.isoformat(), "messageId": f"m{next(number)}"})
            live.ingest(calls, now=now)
        else:
            now += timedelta(hours=what)
            live.fire_all(now)
            live.sweep(now)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(_events, _hours), min_size=2, max_size=14))
def test_two_workers_that_remember_do_what_one_does_that_reads_everything(opened, tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("stores")
    pair = [opened(f"sqlite:///{folder}/pair.db") for _ in range(2)]
    alone = opened(f"sqlite:///{folder}/alone.db")
    carry_out(steps, pair, remembering=True)
    carry_out(steps, [alone, alone], remembering=False)
    assert kept(pair[0]) == kept(alone)


def test_a_run_has_the_number_that_it_has_in_the_store(opened, store_url):
    one, other = opened(store_url), opened(store_url)
    one.ingest([track("p0", "product_viewed", 0, product_id="i1", category="shoes")], now=NOW)
    other.ingest([track("p1", "product_viewed", 0, product_id="i1", category="shoes")], now=NOW)
    with one.store.db.write() as connection:
        standing = one.store.standing(connection, ["p0", "p1"])
        stored = {
            (run.profile_id, run.trigger, run.occasion): run.seq
            for run in one.store.waiting(connection, standing)
        }
        for live, name in ((one, "p0"), (other, "p1")):
            held = live.people.load(connection, standing, [name])[name].runs
            assert held
            for run in held:
                assert stored[name, run.trigger, run.occasion] == run.seq


def test_a_run_that_another_worker_carried_out_is_not_taken_for_waiting(opened, store_url):
    one, other = opened(store_url, ["cart-abandoned"]), opened(store_url, ["cart-abandoned"])
    added = track("p0", "product_added", 0, product_id="i1", cart_id="c1")
    one.ingest([added], now=NOW)
    other.fire_all(NOW + timedelta(hours=1))
    assert other.journal.counts["cart-abandoned", "sent", ""] == 1
    later = NOW + timedelta(hours=2)
    one.ingest([{**added, "messageId": "again", "timestamp": later.isoformat()}], now=later)
    assert one.journal.counts["cart-abandoned", "ignored", "once_per"] == 1
    one.ingest([{**track("p0", "checkout_started", 2), "messageId": "out"}], now=later)
    assert one.journal.counts["cart-abandoned", "cancelled", "unless"] == 0


def test_nothing_of_who_was_erased_comes_back_out_of_another_workers_memory(opened, store_url):
    one, other = opened(store_url), opened(store_url)
    one.ingest([identify("p0", first_name="Ada"), track("p0", "search", 0, query="tent")], now=NOW)
    other.erase("p0")
    other.ingest([track("p0", "page_viewed", 0.1), track("p0", "page_viewed", 0.2)], now=NOW)
    one.ingest([track("p0", "page_viewed", 0.3)], now=NOW + timedelta(hours=1))
    with one.store.db.read() as connection:
        standing = one.store.standing(connection, ["p0"])
        profile = one.people.load(connection, standing, ["p0"])["p0"]
    assert (standing["p0"].version, standing["p0"].attributes) == (3, b"{}")
    assert "search" not in {row["event"] for row in profile.rows}


def test_who_is_erased_while_their_mail_is_made_stays_erased(opened, store_url):
    one = opened(store_url, ["cart-abandoned"])
    one.ingest([track("p0", "product_added", 0, product_id="i1", cart_id="c1")], now=NOW)
    due, made = one._firing._decide(NOW + timedelta(hours=1), 9)
    one._firing._render(due, made, NOW + timedelta(hours=1))
    one.erase("p0")
    one._firing._commit(due, NOW + timedelta(hours=1))
    assert one.store.profile_ids() == []
    assert one.journal.counts["cart-abandoned", "sent", ""] == 0


def test_what_was_rolled_back_is_not_counted(opened, sqlite_url, monkeypatch):
    live = opened(sqlite_url, ["cart-abandoned"])
    real, tries = live.store.save_runs, []

    def save_runs(connection, changed):
        tries.append(real(connection, changed))
        if len(tries) == 1:
            raise IntegrityError("", {}, Exception("another was first"))

    monkeypatch.setattr(live.store, "save_runs", save_runs)
    live.ingest([track("p0", "product_added", 0, product_id="i1", cart_id="c1")], now=NOW)
    assert len(tries) == 2
    assert live.journal.counts["cart-abandoned", "started", ""] == 1
    assert [one.what for one in live.journal.kept] == ["started"]


def test_runs_in_memory_stand_in_the_order_of_the_store(opened, sqlite_url):
    live = opened(sqlite_url, ["dormant", "inactivity-reminder"])
    live.ingest([track("p0", "product_viewed", 0, product_id="i1", category="shoes")], now=NOW)
    live.fire_all(NOW + timedelta(hours=25))
    with live.store.db.read() as connection:
        stored = [run.seq for run in live.store.waiting(connection, ["p0"])]
    assert len(stored) == 2
    assert [run.seq for run in live.people._kept["p0"].runs] == stored
