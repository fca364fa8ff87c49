"""Every example trigger on simulated time: who gets which mail and when, and why not otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from examples.triggers.generate import make_events
from tests.triggers.conftest import NOW, track
from triggers import simulate


@pytest.fixture
def play(workspace, shared_world):
    """``play("cart-abandoned", calls…)`` → sent as (profile, hours after NOW, campaign), and why not."""

    def run(name, *calls, until=None):
        found = simulate(workspace, calls, triggers=[name], until=until, world=shared_world)
        assert not found.refused
        assert not found.notes, found.notes
        sent = [(d.profile_id, (d.at - NOW) / timedelta(hours=1), d.campaign) for d in found.sent]
        why = [
            (d.what, d.reason) for d in found.decisions if d.what in ("ignored", "cancelled", "suppressed")
        ]
        assert len(found.mails) == len(sent)
        return sent, why, found

    return run


def test_cart_abandoned(play):
    sent, why, _ = play(
        "cart-abandoned",
        track("p0", "product_added", 0, product_id="i1", cart_id="c0"),
        track("p1", "product_added", 0, product_id="i1", cart_id="c1"),
        track("p1", "checkout_started", 0.4),
        track("p2", "product_added", 0, product_id="i1", cart_id="c2"),
        track("p2", "product_removed", 0.2, product_id="i1"),
        track("p0", "product_added", 3, product_id="i2", cart_id="c0"),
    )
    assert sent == [("p0", 0.5, "cart")]
    assert sorted(why) == [("cancelled", "unless"), ("ignored", "once_per"), ("suppressed", "when")]


def test_category_viewed_more_than_twice_in_an_hour(play):
    views = [track("p0", "product_viewed", h, product_id="i0", category="shoes") for h in (0, 0.3, 0.9, 1.0)]
    slow = [track("p1", "product_viewed", h, product_id="i0", category="shoes") for h in (0, 0.7, 1.4)]
    other = [track("p2", "product_viewed", h, product_id="i1", category="tents") for h in (0, 0.1, 0.2)]
    sent, why, _ = play("category-interest", *views, *slow, *other)
    assert sent == [("p0", 0.9, "category")]
    assert ("ignored", "once_per") in why
    assert why.count(("ignored", "where")) == 3


def test_viewed_within_a_quarter_of_an_hour(play):
    sent, _, _ = play(
        "just-viewed",
        track("p0", "product_viewed", 0, product_id="i0"),
        track("p1", "product_viewed", 0, product_id="i0"),
        track("p1", "product_added", 0.1, product_id="i0"),
    )
    assert sent == [("p0", 1 / 6, "just-viewed")]


def test_browse_abandonment(play):
    sent, why, _ = play(
        "browse-abandoned",
        track("p0", "product_viewed", 0, product_id="i0"),
        track("p0", "product_viewed", 5, product_id="i3"),
        track("p1", "product_viewed", 0, product_id="i0"),
        track("p1", "product_added", 20, product_id="i0"),
    )
    assert sent == [("p0", 24, "browse")]
    assert ("cancelled", "unless") in why


def test_engagement_spike_makes_highly_engaged(play):
    clicks = [track("p0", "product_added", h / 10, product_id="i0") for h in range(6)]
    sent, _, found = play("engagement-spike", *clicks)
    assert [(who, what) for who, _, what in sent] == [("p0", "engaged")]
    assert [d.detail for d in found.decisions if d.what == "set"] == ["status = highly_engaged"]


def test_who_cools_off_is_regular_again_and_hears_next_morning(play):
    busy = [track(p, "product_added", h / 10, product_id="i0") for p in ("p0", "p1") for h in range(6)]
    sent, _, found = play("cooled-off", *busy, until=NOW + timedelta(days=32))
    # Time alone takes them out of highly_engaged: nobody does anything when they leave it.
    left = (datetime(2026, 12, 19, 14, tzinfo=UTC) - NOW) / timedelta(hours=1)
    told = [(d.profile_id, (d.at - NOW) / timedelta(hours=1)) for d in found.decisions if d.what == "set"]
    assert told == [("p0", left), ("p1", left)]
    # Ten o'clock in New York is an hour later, in Oslo the next morning.
    assert sent == [("p1", left + 1, "re-engage"), ("p0", left + 19, "re-engage")]


def test_who_orders_after_cooling_off_hears_nothing(play):
    busy = [track("p0", "product_added", h / 10, product_id="i0") for h in range(6)]
    order = track("p0", "order_completed", 704, product_id="i0", total=5)
    sent, why, _ = play("cooled-off", *busy, order, until=NOW + timedelta(hours=705))
    assert not sent
    assert why == [("cancelled", "unless")]


def test_silence_of_a_day_makes_dormant_and_calls_back_in_the_morning(play):
    sent, _, found = play(
        "dormant",
        track("p0", "page_viewed", 0),
        track("p0", "page_viewed", 2),
        track("p1", "page_viewed", 0),
        track("p1", "page_viewed", 23),
        track("p1", "page_viewed", 46),
        track("p1", "page_viewed", 60),
    )
    dormant = [(d.profile_id, (d.at - NOW) / timedelta(hours=1)) for d in found.decisions if d.what == "set"]
    assert dormant == [("p0", 26), ("p1", 84)]
    # Eight o'clock in Oslo is an hour before NOW, in New York five after it.
    assert sent == [("p0", 47, "re-engage"), ("p1", 101, "re-engage")]


def test_reminder_after_two_silent_days(play):
    sent, why, _ = play(
        "inactivity-reminder",
        track("p0", "product_viewed", 0, product_id="i0"),
        track("p0", "product_viewed", 10, product_id="i0"),
        track("p1", "order_completed", 0, product_id="i0", total=5),
    )
    assert sent == [("p0", 58, "reminder")]
    assert why == [("suppressed", "when")]


def test_an_offer_once_a_week_at_most_and_not_at_night(play):
    visits = [track("p0", "page_viewed", h) for h in (0, 24, 100, 24 * 7 + 13)]
    sent, why, _ = play("weekly-offer", *visits)
    # The last visit is at ten in the evening: it waits until eight.
    assert sent == [("p0", 0, "offer"), ("p0", 24 * 7 + 23, "offer")]
    assert why == [("suppressed", "capped")] * 2


def test_more_than_three_visits_and_similar_purchases_before(play):
    visits = [track(p, "page_viewed", h) for p in ("p0", "p1") for h in (1, 2, 3, 4, 5)]
    bought = track("p0", "order_completed", 0, product_id="i0", category="shoes", total=50)
    sent, _, _ = play("similar-before", bought, *visits)
    assert sent == [("p0", 4, "similar")]


def test_a_high_value_click_reassigns(play):
    _, why, found = play(
        "high-value-click",
        track("p0", "email_clicked", 0, url="https://northlight.example/premium/tents"),
        track("p1", "email_clicked", 0, url="https://northlight.example/help"),
        track("p0", "email_clicked", 1, url="https://northlight.example/premium/boats"),
    )
    assert [(d.profile_id, d.detail) for d in found.decisions if d.what == "set"] == [
        ("p0", "status = premium_lead")
    ]
    assert why == [("ignored", "where"), ("ignored", "once_per")]


def test_welcome_series_in_three_steps(play):
    sent, _, found = play(
        "welcome",
        track("p0", "signed_up", 0),
        track("p0", "product_viewed", 1, product_id="i0"),
        track("p1", "signed_up", 0),
        track("p2", "signed_up", 0),
        track("p2", "order_completed", 60, product_id="i0", total=9),
        track("p0", "signed_up", 90),
    )
    mine = {p: [(h, c) for who, h, c in sent if who == p] for p in ("p0", "p1", "p2")}
    assert mine["p0"] == [(0, "welcome-1"), (48, "welcome-2"), (121, "welcome-3")]
    assert [campaign for _, campaign in mine["p1"]] == ["welcome-1", "welcome-2", "re-engage"]
    assert [campaign for _, campaign in mine["p2"]] == ["welcome-1", "welcome-2"]
    assert ("ended", "goal") in [(d.what, d.reason) for d in found.decisions if d.profile_id == "p2"]
    branch = next(d for d in found.decisions if d.what == "branched" and d.profile_id == "p0")
    assert (branch.reason, branch.detail) == ("then", "views > 0: views = 1")


def test_a_niche_search_is_answered_with_related_items(play):
    sent, _, _ = play(
        "niche-search",
        track("p0", "Products Searched", 0, query="light PACKRAFT for two"),
        track("p1", "Products Searched", 0, query="tent"),
    )
    assert sent == [("p0", 1, "related")]


def test_post_purchase_follow_up_once_an_order(play):
    sent, why, _ = play(
        "follow-up",
        track("p0", "order_completed", 0, product_id="i0", order_id="o1", total=5),
        track("p0", "order_completed", 1, product_id="i1", order_id="o2", total=5),
        track("p0", "order_completed", 2, product_id="i1", order_id="o1", total=5),
    )
    # Ten o'clock in Oslo is an hour after NOW; the second order's week is over just then.
    assert sent == [("p0", 24 * 7 + 1, "follow-up"), ("p0", 24 * 7 + 1, "follow-up")]
    assert why == [("ignored", "once_per")]


def test_birthday_at_nine_where_the_person_lives(play):
    # p21: 22 October; p22: 23 November, lives in New York; p10: 11 November.
    sent, _, _ = play("birthday", until=datetime(2026, 11, 25, tzinfo=UTC))
    assert sent == [("p22", 24 * 3 + 6, "birthday")]


def test_back_in_stock_for_whoever_viewed(play):
    sent, _, _ = play(
        "back-in-stock",
        track("p0", "product_viewed", 0, product_id="i4"),
        track("p0", "back_in_stock", 30, product_id="i4"),
        track("p1", "back_in_stock", 30, product_id="i4"),
    )
    assert sent == [("p0", 30, "back")]


def test_a_letter_every_monday_to_whoever_was_here(play):
    sent, _, _ = play(
        "monday-letter",
        track("p0", "product_viewed", 0, product_id="i4"),
        until=datetime(2026, 11, 30, 12, tzinfo=UTC),
    )
    assert sent == [("p0", 72, "digest"), ("p0", 72 + 168, "digest")]


def test_the_events_that_the_example_makes_have_something_for_triggers_of_all_kinds(workspace, shared_world):
    calls = make_events(people=7, seed=3)
    assert calls == make_events(people=7, seed=3)
    assert len({call["messageId"] for call in calls}) == len(calls)
    found = simulate(workspace, calls, world=shared_world)
    assert not found.refused
    assert not found.notes, found.notes
    assert found.events == len(calls)
    ran = {d.trigger for d in found.decisions if d.what == "sent"}
    assert ran >= {
        "welcome",
        "cart-abandoned",
        "niche-search",
        "back-in-stock",
        "category-interest",
        "dormant",
    }
    assert any(d.trigger == "high-value-click" and d.what == "set" for d in found.decisions)
