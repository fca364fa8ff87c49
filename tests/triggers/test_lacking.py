"""What ``explain`` says is lacking for a run to begin and its mail to go, of one profile, now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.triggers.conftest import NOW, identify, track

HOUR = timedelta(hours=1)


@pytest.fixture
def lacking(opened, sqlite_url):
    """``lacking("cart-abandoned", "p0", calls…, at=hours)`` → reason → detail."""

    def ask(name, profile_id, *calls, at=1.0):
        live = opened(sqlite_url, only=[name])
        live.ingest(calls, now=NOW + at * HOUR)
        live.fire_all(NOW + at * HOUR)
        found = live.explain(profile_id, now=NOW + at * HOUR)["triggers"][name]["lacking"]
        return {one["reason"]: one["detail"] for one in found}

    return ask


def test_the_event_that_never_came_is_lacking(lacking):
    found = lacking("niche-search", "p0", track("p0", "page_viewed", 0))
    assert found == {"no_event": "no product_searched among the 1 events that are looked at"}


def test_an_event_whose_field_is_another_is_told_with_it(lacking):
    found = lacking("category-interest", "p0", track("p0", "product_viewed", 0, category="tents"))
    assert found["where"].startswith(
        "of none of 1 product_viewed; of the last, at 2026-11-20T08:00:00+00:00:"
    )
    assert "category = tents" in found["where"]


def test_the_clause_of_the_rule_that_does_not_hold_is_told(lacking):
    found = lacking("cart-abandoned", "p0", track("p0", "page_viewed", 0))
    assert found["when"] == "len(cart.items) > 0 does not hold"


def test_what_came_after_the_event_and_ended_its_run_is_told(lacking):
    added = track("p0", "product_added", 0, product_id="i1", cart_id="c")
    found = lacking("cart-abandoned", "p0", added, track("p0", "checkout_started", 0.2))
    assert found == {"unless": "checkout_started came after product_added at 2026-11-20T08:00:00+00:00"}


def test_an_occasion_that_has_had_its_run_is_told_and_when_it_is_free(lacking):
    added = track("p0", "product_added", 0, product_id="i1", cart_id="c")
    found = lacking("cart-abandoned", "p0", added)
    assert found == {"once_per": "once per event.cart_id: of c there was a run at 2026-11-20T09:00:00+00:00"}


def test_a_cap_that_is_reached_is_told_and_when_it_is_free(lacking):
    found = lacking("weekly-offer", "p0", track("p0", "page_viewed", 0))
    assert found["capped"].startswith("had 1 of this trigger, free at 2026-11-27T09:00:00")


def test_a_segment_that_the_profile_is_not_in_is_told_with_its_rule(lacking):
    found = lacking("engagement-spike", "p0", track("p0", "page_viewed", 0))
    assert found["not_now"].startswith("it is not in highly_engaged (engagement > 0.6 AND trend = 'rising':")
    assert found["not_now"].endswith("and a run begins when it enters it")


def test_what_the_campaign_would_refuse_is_told(lacking):
    found = lacking("follow-up", "new", identify("new", firstName="New"))
    assert found["no_address"] == "campaign follow-up"


def test_where_nothing_is_lacking_nothing_is_said(lacking):
    found = lacking("niche-search", "p0", track("p0", "product_searched", 0, query="packraft"), at=0.1)
    assert found == {}


def test_a_date_that_is_not_known_is_lacking(lacking):
    assert lacking("birthday", "new", identify("new", email="new@example.com")) == {
        "no_date": "birthday is missing"
    }
