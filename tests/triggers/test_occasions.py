"""Each occasion has at most one run: what comes again, late, or under other steps."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from tests.triggers.conftest import NOW, identify, track
from triggers.schema import events


def later(hours):
    return NOW + timedelta(hours=hours)


def added(at, cart):
    return track("p0", "product_added", at, product_id="i1", cart_id=cart)


def test_a_cart_that_was_checked_out_is_taken_up_again_in_one_commit(opened, store_url):
    live = opened(store_url, ["cart-abandoned"])
    live.ingest([added(0, "c1")], now=NOW)
    live.ingest(
        [track("p0", "checkout_started", 0.01), added(0.02, "c2"), added(0.03, "c1")], now=later(0.05)
    )
    live.fire_all(later(2))
    (sent,) = [one for one in live.journal.kept if one.what == "sent"]
    assert sent.occasion == "c1"
    assert live.journal.counts["cart-abandoned", "cancelled", "restarted"] == 1


def test_an_occasion_that_came_to_nothing_is_taken_up_by_what_waits(opened, store_url):
    live = opened(store_url, ["cart-abandoned"])
    for call in [added(0, "c1"), track("p0", "checkout_started", 0.01), added(0.02, "c2"), added(0.03, "c1")]:
        live.ingest([call], now=later(0.05))
    live.fire_all(later(2))
    (sent,) = [one for one in live.journal.kept if one.what == "sent"]
    assert sent.occasion == "c1"


def test_a_late_event_after_a_silence_begins_nothing_and_holds_up_nobody(opened, store_url):
    live = opened(store_url, ["dormant", "cart-abandoned"])
    live.ingest([track("p0", "product_viewed", 0, product_id="i1", category="shoes")], now=NOW)
    live.fire_all(later(25))
    live.ingest([track("p0", "search", -1, query="tent")], now=later(26))
    live.ingest([track("p1", "product_added", 26, product_id="i1", cart_id="c9")], now=later(26))
    live.fire_all(later(27))
    assert live.journal.counts["dormant", "started", ""] == 1
    assert live.journal.counts["dormant", "suppressed", "once_per"] == 1
    assert live.journal.counts["cart-abandoned", "sent", ""] == 1


def test_what_begins_under_new_steps_is_not_lost_with_a_run_of_the_old_ones(opened, store_url):
    opened(store_url, ["cart-abandoned"]).ingest([added(0, "c1")], now=NOW)
    live = opened(store_url, ["cart-abandoned"])
    object.__setattr__(live.triggers["cart-abandoned"], "version", "other")
    live.ingest([added(0.2, "c1")], now=later(0.2))
    live.fire_all(later(2))
    assert live.journal.counts["cart-abandoned", "suppressed", "trigger_changed"] == 1
    assert live.journal.counts["cart-abandoned", "sent", ""] == 1


def anonymous(call):
    return {**call, "anonymousId": "a1", "userId": None}


def test_the_basket_of_somebody_anonymous_is_who_they_turn_out_to_be(opened, store_url):
    live = opened(store_url, ["cart-abandoned", "dormant"])
    live.ingest([anonymous(added(0, "c1"))], now=NOW)
    live.ingest([{**identify("p0", 0.2), "anonymousId": "a1"}], now=later(0.2))
    live.fire_all(later(0.6))
    (sent,) = [one for one in live.journal.kept if one.what == "sent"]
    assert (sent.profile_id, sent.occasion, sent.at) == ("p0", "c1", later(0.6))
    assert live.journal.counts["cart-abandoned", "cancelled", "identified"] == 1
    live.fire_all(later(25))
    (fell,) = [one for one in live.journal.kept if one.trigger == "dormant" and one.what == "started"]
    assert fell.profile_id == "p0"


def test_a_basket_that_the_profile_checked_out_is_not_taken_over(opened, store_url):
    live = opened(store_url, ["cart-abandoned"])
    live.ingest([anonymous(added(0, "c1")), track("p0", "checkout_started", 0.1)], now=later(0.1))
    live.ingest([{**identify("p0", 0.2), "anonymousId": "a1"}], now=later(0.2))
    live.fire_all(later(2))
    assert not [one for one in live.journal.kept if one.what == "sent"]


def test_an_event_that_comes_while_another_worker_finds_out_whose_it_is_is_theirs(
    opened, fresh_postgres_url, monkeypatch
):
    one, other = opened(fresh_postgres_url), opened(fresh_postgres_url)
    real, found_out = one.store.persons, []

    def persons(connection, ids):
        known = real(connection, ids)
        if not found_out:
            found_out.append(other.ingest([{**identify("p0"), "anonymousId": "a1"}], now=NOW))
        return known

    monkeypatch.setattr(one.store, "persons", persons)
    one.ingest([anonymous(added(0, "c1"))], now=NOW)
    with one.store.db.read() as connection:
        assert connection.execute(sa.select(events.c.profile_id)).scalars().all() == ["p0"]
