"""What is counted, and what of it is whose."""

from __future__ import annotations

import pytest

from tests.measure.worlds import event, figures, hours, mail, order, results


def test_each_message_counts_once_for_each_thing_that_happened_to_it() -> None:
    mails = [mail(n) for n in range(5)]
    events = [
        event(0, "delivered"),
        event(0, "opened", hours(2)),
        event(0, "opened", hours(3)),
        event(0, "clicked", hours(3)),
        event(1, "delivered"),
        event(1, "unsubscribed", hours(2)),
        event(2, "bounced"),
        event(3, "delivered"),
        event(3, "complained", hours(2)),
    ]
    row = figures(results(mails, events))
    expected = {
        "sent": 5,
        "delivered": 3,
        "bounced": 1,
        "complained": 1,
        "opened": 1,
        "clicked": 1,
        "unsubscribed": 1,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["clicked_rate"] == pytest.approx(1 / 3)
    assert row["bounced_rate"] == pytest.approx(1 / 5)


def test_repeated_late_and_disordered_webhooks_change_nothing() -> None:
    mails = [mail(n) for n in range(3)]
    events = [
        event(0, "delivered"),
        event(0, "opened", hours(5)),
        event(0, "clicked", hours(6)),
        event(1, "bounced"),
    ]
    orders = [order(0, hours(7), event_id="e1"), order(1, hours(7), order_id="o2")]
    once = results(mails, events, orders)
    again = results(mails, events[::-1] * 3, orders[::-1] * 3)
    assert once.breakdown.equals(again.breakdown)
    assert once.set_aside == again.set_aside
