"""Each occasion has at most one run: what comes again, late, or under other steps."""

from __future__ import annotations

from datetime import timedelta

from tests.triggers.conftest import NOW, track


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
