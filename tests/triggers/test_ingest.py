"""Events in, on both stores: once each, whatever comes, and nothing of one transaction without the rest."""

from __future__ import annotations

import copy
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from mailwright.errors import SendError
from tests.triggers.conftest import NOW, identify, track
from triggers.schema import events, metadata, runs

HOUR = timedelta(hours=1)


def stored(live):
    with live.store.db.read() as connection:
        return connection.execute(sa.select(events).order_by(events.c.profile_id, events.c.n)).all()


def profile(live, name, now=NOW):
    with live.store.db.read() as connection:
        rows = live.store.standing(connection, [name])
        found = live.people.load(connection, rows, [name])[name]
    found.at(now)
    return found


def test_a_call_taken_twice_counts_once(opened, store_url):
    live = opened(store_url)
    call = track("p0", "product_added", 0, product_id="i1", cart_id="c")
    first = live.ingest([call, copy.deepcopy(call)], now=NOW)
    again = live.ingest([call, track("p0", "page_viewed", 0)], now=NOW + HOUR)
    assert (first.accepted, first.duplicates) == (1, 1)
    assert (again.accepted, again.duplicates) == (1, 1)
    assert [row.event for row in stored(live)] == ["product_added", "page_viewed"]


def test_what_one_process_took_another_knows(opened, store_url):
    one, other = opened(store_url), opened(store_url)
    one.ingest([track("p0", "product_added", 0, product_id="i1")], now=NOW)
    other.ingest([track("p0", "product_added", 0.5, product_id="i2")], now=NOW + HOUR)
    one.ingest([identify("p0", 1, firstName="Ada")], now=NOW + HOUR)
    for live in (one, other, opened(store_url)):
        there = profile(live, "p0", NOW + HOUR)
        assert [line["item_id"] for line in there["cart"]["items"]] == ["i1", "i2"]
        assert there["first_name"] == "Ada"


def test_products_of_one_order_are_one_order(opened, sqlite_url):
    live = opened(sqlite_url, only=["follow-up"])
    order = track("p0", "Order Completed", 0, order_id="o1", products=[
        {"product_id": "i0", "price": 10, "quantity": 2}, {"product_id": "i1", "price": 5.5}])  # fmt: skip
    live.ingest([order], now=NOW)
    there = profile(live, "p0")
    assert (there["purchases"], there["items_purchased"], there["total_spent"]) == (1, 3, 25.5)
    assert live.store.count_waiting() == 1


def test_events_out_of_order_by_hours_count_as_if_in_order(opened, sqlite_url):
    live = opened(sqlite_url, only=["cart-abandoned"])
    now = NOW + 5 * HOUR
    live.ingest([track("p0", "order_completed", 4, product_id="i1", total=5)], now=now)
    live.ingest([track("p0", "product_added", 3, product_id="i1", cart_id="c")], now=now)
    assert live.store.count_waiting() == 0
    assert [d.reason for d in live.journal.kept] == ["when"]


def test_an_event_of_the_future_is_one_of_now(opened, sqlite_url):
    live = opened(sqlite_url)
    done = live.ingest([track("p0", "page_viewed", 30)], now=NOW)
    assert done.notes == {"a time in the future counts as now": 1}
    assert profile(live, "p0")["last_seen_at"] == NOW


def test_a_wrong_clock_is_corrected_by_when_the_call_was_sent(opened, sqlite_url):
    live = opened(sqlite_url)
    call = track("p0", "page_viewed", 0)
    call["originalTimestamp"] = (NOW + 99 * HOUR).isoformat()
    call["sentAt"] = (NOW + 100 * HOUR).isoformat()
    live.ingest([call], now=NOW)
    assert profile(live, "p0")["last_seen_at"] == NOW - HOUR


def sent_with(sent, **times):
    call = track("p0", "page_viewed", 0)
    del call["timestamp"]
    hours = {"sentAt": sent, **times}
    return call | {key: (NOW + at * HOUR).isoformat() for key, at in hours.items()}


@pytest.mark.parametrize(
    ("call", "source", "hour"),
    [
        # Segment's libraries send `timestamp` and `sentAt`, both by the caller's clock.
        (sent_with(100, timestamp=99), "http", -1),
        (sent_with(-72, timestamp=-73), "webhook:app", -1),
        (sent_with(0, timestamp=-5), "http", -5),
        # What Segment passes on it has corrected, however long that took it.
        (sent_with(-2, timestamp=-3, originalTimestamp=-9, receivedAt=-2), "webhook:segment", -3),
        # Out of a file, a topic or the dead letters a call comes long after it was sent.
        (sent_with(-72, timestamp=-73), "file:events.jsonl", -73),
        (sent_with(-72, originalTimestamp=-73), "kafka:events", -73),
        (sent_with(-72, originalTimestamp=-73), "replay", -73),
        (sent_with(-72, originalTimestamp=-73, receivedAt=-24), "replay", -25),
    ],
)
def test_when_it_was_is_told_by_whatever_clock_is_right(opened, sqlite_url, call, source, hour):
    live = opened(sqlite_url, only=["welcome"])
    live.ingest([call], now=NOW, source=source)
    (row,) = stored(live)
    assert (row.at - NOW.timestamp()) / 3600 == pytest.approx(hour)


def test_an_unknown_event_is_kept_and_an_undeclared_property_reported(opened, sqlite_url):
    live = opened(sqlite_url)
    done = live.ingest([track("p0", "Something Else", 0, colour="red")], now=NOW)
    assert done.accepted == 1
    assert done.notes == {"property 'colour' is not declared": 1, "event 'something_else' is not declared": 1}
    assert [row.event for row in stored(live)] == ["something_else"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([1, 2], "not a call"),
        ("text", "not a call"),
        (None, "not a call"),
        ({"type": "group", "userId": "p0"}, "calls of type 'group' are not taken"),
        ({"type": "track", "event": "x"}, "nobody"),
        ({"type": "track", "userId": "p0"}, "without an event's name"),
        ({"type": "track", "userId": "p0", "event": "☃"}, "without an event's name"),
        ({"type": "track", "userId": {"a": 1}, "event": "x"}, "userId is neither"),
        ({"type": "track", "userId": "a\x00b", "event": "x"}, "control characters"),
        ({"type": "track", "userId": "u" * 500, "event": "x"}, "longer than"),
        ({"type": "track", "userId": "p0", "event": "x", "timestamp": "yesterday"}, "timestamp is no time"),
        ({"type": "track", "userId": "p0", "event": "x", "timestamp": 12}, "timestamp is no time"),
        ({"type": "track", "userId": "p0", "event": "x", "timestamp": "0001-01-01T00:00:00Z"}, "before 1970"),
        ({"type": "alias", "userId": "p0"}, "needs previousId"),
    ],
)
def test_what_cannot_be_taken_is_a_dead_letter_and_stops_nothing(opened, sqlite_url, body, reason):
    live = opened(sqlite_url)
    done = live.ingest([body, track("p0", "page_viewed", 0)], now=NOW)
    assert done.accepted == 1
    assert reason in done.refused[0]
    (letter,) = live.store.dead_letters()
    assert reason in letter["reason"]
    assert json.loads(letter["body"]) == json.loads(json.dumps(body))


def test_dead_letters_are_taken_again_once_they_can_be(opened, sqlite_url, monkeypatch):
    live = opened(sqlite_url)
    call = track("p0", "page_viewed", 0)
    monkeypatch.setattr("triggers.calls.KINDS", {})
    assert live.ingest([call, "no call"], now=NOW).accepted == 0
    before = live.store.dead_letters()
    monkeypatch.undo()
    monkeypatch.setattr("triggers.live._TOGETHER", 1)
    done = live.replay_dead_letters(now=NOW + HOUR)
    assert (done.accepted, done.outcomes) == (1, ["", "not a call: an object is expected"])
    # What still cannot be taken is what it was: from where it came, and when.
    assert live.store.dead_letters() == before[1:]
    assert live.store.count_letters() == 1


def test_a_long_dead_letter_is_kept_whole(opened, sqlite_url):
    live = opened(sqlite_url, only=["welcome"])
    call = track("p0", "page_viewed", 0, url="u" * 300_000) | {"timestamp": "yesterday"}
    live.ingest([call], now=NOW)
    (letter,) = live.store.dead_letters()
    assert json.loads(letter["body"]) == call


def test_hostile_properties_are_left_out_one_by_one(opened, sqlite_url):
    live = opened(sqlite_url)
    call = track("p0", "product_viewed", 0, product_id="i1", quantity="many", category=["a"], price="x" * 50)
    call["properties"]["url"] = "u" * 30_000
    done = live.ingest([call], now=NOW)
    assert done.accepted == 1
    (row,) = stored(live)
    assert json.loads(row.fields) == {"item_id": "i1"}
    assert any(note.startswith("quantity: ") for note in done.notes)


def test_who_was_anonymous_is_known_by_what_they_did(opened, store_url):
    live = opened(store_url, only=["cart-abandoned"])
    before = track("x", "product_added", 0, product_id="i1", cart_id="c")
    before["anonymousId"] = before.pop("userId")
    live.ingest([before], now=NOW)
    assert profile(live, "p0")["cart"]["items"] == []
    live.ingest([{**identify("p0", 0), "anonymousId": "x"}], now=NOW)
    assert [line["item_id"] for line in profile(live, "p0")["cart"]["items"]] == ["i1"]
    after = track("x", "product_added", 1, product_id="i2", cart_id="c")
    after["anonymousId"] = after.pop("userId")
    live.ingest([after], now=NOW + HOUR)
    for found in (live, opened(store_url)):
        there = profile(found, "p0", NOW + HOUR)
        assert [line["item_id"] for line in there["cart"]["items"]] == ["i1", "i2"]


def test_a_transaction_that_fails_leaves_nothing_behind(opened, sqlite_url, monkeypatch):
    live = opened(sqlite_url)
    call = track("p0", "product_added", 0, product_id="i1", cart_id="c")

    def fail(*_):
        raise SendError("the disk is full")

    monkeypatch.setattr(live.store, "save_runs", fail)
    with pytest.raises(SendError, match="disk is full"):
        live.ingest([call], now=NOW)
    assert stored(live) == []
    assert profile(live, "p0")["cart"]["items"] == []
    monkeypatch.undo()
    assert live.ingest([call], now=NOW).accepted == 1
    assert len(profile(live, "p0")["cart"]["items"]) == 1


def test_a_change_of_segment_counts_from_the_profile_that_was_there_before(opened, sqlite_url):
    live = opened(sqlite_url, only=["engagement-spike"])
    for n in range(8):
        live.ingest([track("p0", "product_added", n / 10, product_id="i1")], now=NOW + HOUR)
    with live.store.db.read() as connection:
        (run,) = connection.execute(sa.select(runs)).all()
    assert (run.trigger, run.profile_id) == ("engagement-spike", "p0")
    assert json.loads(run.event)["event"] == "segment_entered"


def test_explain_says_what_each_trigger_says_now_and_has_said(opened, sqlite_url):
    live = opened(sqlite_url, only=["cart-abandoned", "weekly-offer"])
    live.ingest([track("p0", "product_added", 0, product_id="i1", cart_id="c")], now=NOW)
    found = live.explain("p0", now=NOW)
    cart = found["triggers"]["cart-abandoned"]
    assert cart["when"]["holds"] is True
    assert cart["runs"][0]["state"] == "waiting"
    assert cart["runs"][0]["trace"][0]["what"] == "started"
    assert json.loads(json.dumps(found, default=str))
    with pytest.raises(Exception, match="no profile 'nobody'"):
        live.explain("nobody", now=NOW)


def test_an_erased_profile_leaves_no_row(opened, store_url):
    live = opened(store_url)
    before = track("x", "page_viewed", 0)
    before["anonymousId"] = before.pop("userId")
    live.ingest([before, {**identify("new", email="new@example.com"), "anonymousId": "x"}], now=NOW)
    live.ingest([track("new", "signed_up", 0), track("p1", "page_viewed", 0)], now=NOW)
    live.fire_all(NOW)
    assert live.erase("new") > 4
    with live.store.db.read() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                assert "new" not in [str(value) for value in row], table.name
    assert profile(live, "new")["email"] is None
    assert live.explain("p1", now=NOW)
