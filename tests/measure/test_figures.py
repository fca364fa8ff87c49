"""What is counted, whose it is, and what happens to events that cannot be."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from mailwright.errors import DataError, UsageError
from measure import Attribution, Question, measure_results
from measure.breakdown import MOST_ROWS
from measure.periods import performance_over_time
from tests.measure.worlds import (
    NOW,
    START,
    event,
    figures,
    held_out,
    hours,
    mail,
    messages_table,
    order,
    question,
    results,
)

WEEK = timedelta(days=7)
ITEMS = pa.table(
    {
        "item_id": ["hat", "sock"],
        "url": ["https://shop.example/hat?utm_source=feed", "https://shop.example/p?id=sock"],
    }
)


def test_each_message_counts_once_for_each_thing_that_happened_to_it() -> None:
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
    row = figures(results([mail(n) for n in range(5)], events))
    expected = {"sent": 5, "delivered": 3, "bounced": 1, "complained": 1, "opened": 1, "clicked": 1}
    assert {name: row[name] for name in expected} == expected
    assert row["unsubscribed"] == 1
    assert row["clicked_rate"] == pytest.approx(1 / 3)
    assert row["bounced_rate"] == pytest.approx(1 / 5)


def test_repeated_late_and_disordered_webhooks_change_nothing() -> None:
    events = [
        event(0, "delivered"),
        event(0, "opened", hours(5)),
        event(0, "clicked", hours(6), url="https://shop.example/hat"),
        event(1, "bounced"),
    ]
    orders = [order(0, hours(7), event_id="e1"), order(1, hours(7), order_id="o2"), order(1, hours(9))]
    mails = [mail(n) for n in range(3)]
    once = results(mails, events, orders)
    again = results(mails, events[::-1] * 3, orders[::-1] * 3)
    assert once.breakdown.equals(again.breakdown)
    assert once.set_aside == again.set_aside


def test_a_later_step_proves_the_earlier_ones() -> None:
    row = figures(results([mail(0), mail(1)], [event(0, "clicked"), event(1, "delivered")]))
    assert (row["delivered"], row["opened"], row["clicked"]) == (2, 1, 1)


def test_an_esp_that_reports_no_delivery_is_believed_about_bounces() -> None:
    row = figures(results([mail(n) for n in range(4)], [event(0, "bounced"), event(1, "opened")]))
    assert (row["sent"], row["delivered"], row["bounced"]) == (4, 3, 1)


def test_what_bounced_afterwards_was_not_delivered() -> None:
    row = figures(
        results(
            [mail(0), mail(1)], [event(0, "delivered"), event(0, "bounced", hours(9)), event(1, "delivered")]
        )
    )
    assert (row["delivered"], row["bounced"]) == (1, 1)


@pytest.mark.parametrize(
    "opened",
    [
        event(0, "opened", hours(5), machine=True),
        event(0, "opened", hours(1) + timedelta(seconds=1)),
    ],
    ids=["flagged by the ESP", "in the second of delivery"],
)
def test_machine_opens_are_marked_and_left_out(opened: dict[str, Any]) -> None:
    row = figures(results([mail(0)], [event(0, "delivered", hours(1)), opened]))
    assert (row["opened"], row["machine_opened"], row["delivered"]) == (0, 1, 1)


def test_a_person_after_a_machine_counts() -> None:
    events = [event(0, "opened", machine=True), event(0, "opened", hours(5)), event(0, "clicked", hours(5))]
    row = figures(results([mail(0)], [event(0, "delivered"), *events]))
    assert (row["opened"], row["machine_opened"], row["clicked"]) == (1, 0, 1)


def test_a_link_scanner_is_no_reader() -> None:
    events = [event(0, "delivered"), event(0, "clicked", hours(1), url="https://shop.example/hat")]
    result = results([mail(0)], events)
    assert figures(result)["clicked"] == 0
    assert result.rows("link").num_rows == 0


def test_every_dimension_is_broken_down() -> None:
    mails = [
        mail(
            n,
            locale=["en", "no"][n % 2],
            trigger="cart" if n == 3 else None,
            variant=f"v{n % 2}",
            segments=["vip", "new"] if n == 0 else ["new"],
            blocks=[{"slot": "hero", "block": "sale"}, {"slot": "foot", "block": f"foot{n % 2}"}],
            recommendations=[
                {"item_id": "hat", "source": "popular"},
                {"item_id": "sock", "source": "content"},
            ],
        )
        for n in range(4)
    ]
    events = [event(n, "delivered") for n in range(4)]
    events += [event(0, "clicked", hours(2), url="https://shop.example/hat?utm_campaign=march#top")]
    events += [event(1, "clicked", hours(2), url="https://shop.example/p?utm_source=x&id=sock")]
    orders = [order(0, hours(3), item_id="hat", amount=12.5), order(1, hours(3), item_id="else", amount=1.0)]
    result = results(mails, events, orders, items=ITEMS)
    assert {key: row["sent"] for key, row in figures(result, "segment").items()} == {"new": 4, "vip": 1}
    assert {key: row["clicked"] for key, row in figures(result, "block").items()} == {
        ("foot", "foot0"): 1,
        ("foot", "foot1"): 1,
        ("hero", "sale"): 2,
    }
    assert {key: row["sent"] for key, row in figures(result, "locale").items()} == {"en": 2, "no": 2}
    assert {key: row["sent"] for key, row in figures(result, "trigger").items()} == {None: 3, "cart": 1}
    assert {key: row["sent"] for key, row in figures(result, "variant").items()} == {"v0": 2, "v1": 2}
    assert {key: row["clicked"] for key, row in figures(result, "link").items()} == {
        "https://shop.example/hat": 1,
        "https://shop.example/p?id=sock": 1,
    }
    source = figures(result, "source")
    assert {key: (row["sent"], row["clicked"], row["revenue"]) for key, row in source.items()} == {
        "popular": (4, 1, 12.5),
        "content": (4, 1, 0.0),
    }
    position = figures(result, "position")
    assert {key: (row["clicked"], row["converted"]) for key, row in position.items()} == {
        "1": (1, 1),
        "2": (1, 0),
    }
    assert figures(result, "day")["2026-03-02"]["sent"] == 4


def test_items_that_blocks_asked_for_count_by_their_strategy_and_place() -> None:
    asked = [
        {"item_id": "sock", "source": "similar", "position": 2},
        {"item_id": "hat", "source": "trending", "position": 1},
    ]
    mails = [
        mail(0, recommendations=[{"item_id": "mug", "source": "popular"}], asked=asked),
        mail(1, recommendations=[], asked=asked[:1]),
        mail(2, recommendations=[{"item_id": "mug", "source": "popular"}], asked=None),
    ]
    events = [event(n, "delivered") for n in range(3)]
    events += [event(0, "clicked", hours(2), url="https://shop.example/p?id=sock")]
    result = results(mails, events, [order(0, hours(3), item_id="hat", amount=12.5)], items=ITEMS)
    counted = {
        key: (row["sent"], row["clicked"], row["converted"]) for key, row in figures(result, "source").items()
    }
    assert counted == {"popular": (2, 0, 0), "similar": (2, 1, 0), "trending": (1, 0, 1)}
    position = figures(result, "position")
    assert {key: (row["sent"], row["clicked"], row["converted"]) for key, row in position.items()} == {
        "1": (2, 0, 1),
        "2": (2, 1, 0),
    }


def test_clicks_on_items_are_unknown_without_the_catalogue() -> None:
    mails = [mail(0, recommendations=[{"item_id": "hat", "source": "popular"}])]
    events = [event(0, "clicked", hours(2), url="https://shop.example/hat")]
    row = figures(results(mails, events), "source")["popular"]
    assert (row["sent"], row["clicked"], row["clicked_rate"]) == (1, None, None)


def test_personal_links_are_one_link() -> None:
    signed = "{}WyJwMSIsIm5ld3MiXQ.q83vEjRWeJASNFZ4kKvN7w"
    urls = [f"https://shop.example/u/{signed.format(n)}" for n in "ab"]
    events = [event(n, "clicked", hours(2), url=url) for n, url in enumerate(urls)]
    links = figures(results([mail(0), mail(1)], events), "link")
    assert {key: row["clicked"] for key, row in links.items()} == {"https://shop.example/u/…": 2}


def test_a_mail_with_many_links_does_not_flood_the_table() -> None:
    events = [event(0, "clicked", hours(2), url=f"https://x.example/{n}") for n in range(MOST_ROWS + 50)]
    assert results([mail(0)], events).rows("link").num_rows == MOST_ROWS


def test_the_last_mail_before_an_order_has_the_credit() -> None:
    mails = [
        mail("a", profile_id="p"),
        mail("b", profile_id="p", at=hours(24)),
        mail("c", profile_id="p", at=hours(24), campaign="other"),
        mail("d", profile_id="p", at=hours(72)),
    ]
    orders = [{**order(0, hours(48), amount=7.0), "profile_id": "p"}]
    whole = results(mails, [], orders, campaign=None)
    assert {key: row["revenue"] for key, row in figures(whole, "campaign").items()} == {
        "newsletter": 0,
        "other": 7,
    }
    assert figures(results(mails, [], orders))["converted"] == 0  # the other campaign's was later
    first = results(mails, [], orders, attribution=Attribution(credit="first_touch"))
    assert figures(first)["converted"] == 1


def test_the_window_is_open_at_its_end() -> None:
    inside, at_the_end = order(0, START + WEEK - timedelta(seconds=1)), order(1, START + WEEK)
    result = results([mail(0), mail(1)], [], [inside, at_the_end])
    assert figures(result)["converted"] == 1
    assert result.set_aside == {"orders_after_every_window": 1}


def test_a_click_may_be_asked_for() -> None:
    clicked = Attribution(touch="clicked")
    events = [event(0, "clicked", hours(2)), event(1, "opened", hours(2))]
    orders = [order(0, hours(3)), order(1, hours(3)), order(2, hours(3)), order(0, hours(1))]
    mails = [mail(n) for n in range(3)]
    assert figures(results(mails, events, orders, attribution=clicked))["orders"] == 1
    assert figures(results(mails, events, orders, attribution=Attribution(touch="opened")))["orders"] == 2
    assert figures(results(mails, events, orders))["orders"] == 4


def test_an_order_of_several_lines_is_one_order() -> None:
    lines = [order(0, item_id="hat"), order(0, item_id="sock", amount=5.0)]
    row = figures(results([mail(0)], [], lines))
    assert (row["converted"], row["orders"], row["revenue"]) == (1, 1, 15.0)


def test_amounts_that_cannot_be_are_no_money() -> None:
    amounts = [float("nan"), float("inf"), -5.0, 1e300, None, 3.0]
    orders = [order(n, amount=amount) for n, amount in enumerate(amounts)]
    result = results([mail(n) for n in range(len(amounts))], [], orders)
    assert figures(result)["revenue"] == 3.0
    assert figures(result)["converted"] == len(amounts)
    assert result.set_aside["orders_with_impossible_amounts"] == 4


# Bad input: each has a stated behaviour (docs/measure.md).


def test_a_click_without_a_send_and_a_webhook_for_an_unknown_message_are_counted_and_left_out() -> None:
    events = [
        event("nobody", "clicked"),
        event("nobody", "opened"),
        {**event(0, "opened"), "message_id": None},
    ]
    result = results([mail(0)], events)
    assert result.set_aside == {"events_without_message_id": 1, "events_of_unknown_messages": 2}
    assert figures(result)["opened"] == figures(result)["clicked"] == 0


def test_an_event_before_its_send_does_not_count() -> None:
    result = results([mail(0), mail(1)], [event(0, "clicked", hours(-1)), event(1, "clicked", hours(-0.05))])
    assert figures(result)["clicked"] == 1  # three minutes are two clocks
    assert result.set_aside == {"messages_with_events_before_send": 1}


def test_an_order_before_the_send_is_nobodys() -> None:
    result = results([mail(0)], [], [order(0, hours(-1))])
    assert figures(result)["converted"] == 0
    assert result.set_aside == {"orders_before_any_mail": 1}


def test_what_is_yet_to_come_does_not_count() -> None:
    late = NOW + timedelta(days=1)
    result = results([mail(0), mail(1, at=late)], [event(0, "clicked", late)], [order(0, late)])
    assert (figures(result)["sent"], figures(result)["clicked"], figures(result)["converted"]) == (1, 0, 0)
    assert result.set_aside == {"events_in_the_future": 1, "messages_not_yet_sent": 1}


def test_an_event_of_someone_held_out_is_left_out() -> None:
    result = results([held_out(0), mail(1)], [event(0, "clicked")])
    assert figures(result)["clicked"] == 0
    assert figures(result)["sent"] == 1
    assert result.set_aside == {"events_of_held_out": 1}


def test_a_message_that_stands_twice_counts_once() -> None:
    result = results(
        [mail(0, locale="en"), mail(0, locale="no", at=hours(1))], [event(0, "delivered", hours(2))]
    )
    assert figures(result)["sent"] == 1
    assert set(figures(result, "locale")) == {"no"}
    assert result.set_aside == {"messages_repeated": 1}


@pytest.mark.parametrize(("status", "events", "sent"), [
    ("pending", [], 0),
    ("unknown", [], 0),
    ("unknown", [event(0, "delivered")], 1),
    ("rejected", [], 0),
    ("clicked", [], 1),
])  # fmt: skip
def test_a_message_is_sent_when_the_esp_took_it_or_a_webhook_proves_it(
    status: str, events: list[dict[str, Any]], sent: int
) -> None:
    assert figures(results([mail(0, status=status)], events))["sent"] == sent


def test_a_send_whose_instant_was_lost_is_dated_by_its_first_webhook() -> None:
    result = results(
        [mail(0, at=None, status="unknown")], [event(0, "delivered", hours(4))], [order(0, hours(5))]
    )
    assert (figures(result)["sent"], figures(result)["converted"]) == (1, 1)


def test_nothing_sent_is_zeros_and_no_rates() -> None:
    for mails in ([], [mail(0, status="pending")]):
        result = results(mails)
        row = figures(result)
        assert (row["sent"], row["clicked"], row["revenue"]) == (0, 0, 0.0)
        assert row["clicked_rate"] is row["delivered_low"] is None
        assert (result.experiments, result.lift) == ((), None)


def test_a_table_that_does_not_fit_says_which_column() -> None:
    good = messages_table([mail(0)])
    with pytest.raises(DataError, match="messages: the column 'profile_id' is missing"):
        measure_results(Question(good.drop_columns(["profile_id"]), None, None, now=NOW))
    naive = good.set_column(good.schema.get_field_index("at"), "at", pa.array([START.replace(tzinfo=None)]))
    with pytest.raises(DataError, match="messages: the column 'at' is timestamp"):
        measure_results(Question(naive, None, None, now=NOW))
    wrong = pa.table({"kind": ["opened"], "at": pa.array([START]), "message_id": [7]})
    with pytest.raises(DataError, match="outcomes: the column 'message_id' is int64, not string"):
        measure_results(Question(good, wrong, None, now=NOW))
    with pytest.raises(UsageError, match="no time zone"):
        measure_results(Question(good, None, None, now=datetime(2026, 1, 1)))


def test_columns_that_may_be_missing_may_be_missing() -> None:
    bare = messages_table([mail(0)]).select(["message_id", "profile_id", "campaign", "at", "status"])
    outcomes = pa.table({"kind": ["clicked"], "at": pa.array([hours(1)]), "message_id": ["m0"]})
    assert figures(measure_results(Question(bare, outcomes, None, now=NOW)))["clicked"] == 1


def test_parquet_gives_the_same_as_memory(tmp_path: Path) -> None:
    asked = question([mail(n) for n in range(5)], [event(0, "clicked")], [order(1)])
    sets = []
    for name, table in (("it's", asked.messages), ("outcomes", asked.outcomes), ("orders", asked.orders)):
        pq.write_table(table, tmp_path / f"{name}.parquet")
        sets.append(ds.dataset(tmp_path / f"{name}.parquet"))
    stored = Question(*sets, now=asked.now, campaign=asked.campaign, attribution=asked.attribution)
    facts = tmp_path / "facts.parquet"
    again = measure_results(stored, facts_to=facts)
    assert again.breakdown.equals(measure_results(asked).breakdown)
    rows = pq.read_table(facts).to_pylist()
    assert [row["message_id"] for row in rows] == [f"m{n}" for n in range(5)]
    assert [row["clicked"] for row in rows] == [True, False, False, False, False]
    assert (rows[1]["revenue"], rows[1]["at"]) == (10.0, START)
    with pytest.raises(DataError, match="cannot write"):
        measure_results(stored, facts_to=facts / "below" / "a.parquet")


def test_hostile_names_are_only_names() -> None:
    name = "x'); DROP TABLE facts; -- \x00 $x$ 🙂"
    mails = [mail(0, campaign=name, segments=[name], blocks=[{"slot": name, "block": name}], locale=name)]
    result = results(mails, [event(0, "clicked", url=name)], campaign=name)
    assert figures(result)["clicked"] == 1
    assert figures(result, "block")[(name, name)]["sent"] == 1


def test_a_doubled_name_in_a_list_counts_once() -> None:
    assert figures(results([mail(0, segments=["vip", "vip", None])]), "segment")["vip"]["sent"] == 1


def test_time_is_cut_into_weeks() -> None:
    mails = [mail(n, at=START + timedelta(days=n), segments=["vip"]) for n in range(10)]
    found = performance_over_time(question(mails, [event(0, "clicked")]), days=7)
    vip = [row for row in found.table.to_pylist() if row["dimension"] == "segment"]
    assert [(str(row["period"]), row["sent"], row["clicked"]) for row in vip] == [
        ("2026-03-02", 7, 1),
        ("2026-03-09", 3, 0),
    ]


def test_few_days_are_shown_one_by_one_and_many_by_weeks() -> None:
    mails = [mail(n, at=START + timedelta(days=n)) for n in range(20)]
    assert performance_over_time(question(mails[:3], [])).days == 1
    assert performance_over_time(question(mails, [])).days == 7
    nothing = performance_over_time(question([], []))
    assert nothing.table.num_rows == 0


def test_periods_add_up_to_the_whole() -> None:
    mails = [mail(n, at=START + timedelta(days=n), segments=["vip"][: n % 2]) for n in range(20)]
    asked = question(mails, [event(n, "clicked") for n in range(0, 20, 3)])
    made = measure_results(asked, periods=True)
    assert made.over_time is not None
    for dimension in ("all", "segment"):
        (whole,) = made.rows(dimension).to_pylist()
        parts = [row for row in made.over_time.table.to_pylist() if row["dimension"] == dimension]
        for figure in ("sent", "delivered", "clicked", "revenue"):
            assert sum(row[figure] for row in parts) == whole[figure]
    assert measure_results(asked).over_time is None


@pytest.mark.parametrize("seed", range(8))
def test_the_figures_are_those_of_a_plain_reckoning(seed: int) -> None:
    """Counts and last-touch credit against a few lines of Python, over random worlds."""
    rng = random.Random(seed)  # noqa: S311 no secret
    mails = [
        mail(n, profile_id=f"p{rng.randrange(15)}", at=hours(rng.randrange(200)), campaign=rng.choice("ab"))
        for n in range(40)
    ]
    kinds = ["delivered", "opened", "clicked", "bounced", "unsubscribed"]
    events = [
        event(rng.randrange(45), rng.choice(kinds), hours(rng.randrange(1, 400)), machine=rng.random() < 0.2)
        for _ in range(150)
    ]
    orders = [order(rng.randrange(15), hours(rng.randrange(400)), item_id=f"i{n}") for n in range(60)]
    found = results(mails, events * 2, orders * 2, campaign="a")
    row = figures(found)
    expected = _plainly(mails, events, orders)
    assert {name: row[name] for name in expected} == expected


def _plainly(
    mails: list[dict[str, Any]], events: list[dict[str, Any]], orders: list[dict[str, Any]]
) -> dict[str, float]:
    counts = dict.fromkeys(["sent", "bounced", "unsubscribed", "clicked", "opened"], 0)
    for one in mails:
        if one["campaign"] != "a":
            continue
        mine = [e for e in events if e["message_id"] == one["message_id"]]
        mine = [e for e in mine if e["at"] >= one["at"] - timedelta(minutes=5)]
        delivered = min(
            (e["at"] for e in events if e["message_id"] == one["message_id"] and e["kind"] == "delivered"),
            default=one["at"],
        )

        def seen(kind: str, mine: list[dict[str, Any]] = mine, delivered: datetime = delivered) -> bool:
            human = [e for e in mine if e["kind"] == kind and not e.get("machine")]
            last = max((e["at"] for e in human), default=None)
            return last is not None and abs(last - delivered) >= timedelta(seconds=2)

        counts["sent"] += 1
        counts["bounced"] += any(e["kind"] == "bounced" for e in mine)
        counts["unsubscribed"] += any(e["kind"] == "unsubscribed" for e in mine)
        counts["clicked"] += seen("clicked")
        counts["opened"] += seen("opened") or seen("clicked")
    money: dict[str, float] = {}
    for bought in orders:
        before = [m for m in mails if m["profile_id"] == bought["profile_id"] and m["at"] <= bought["at"]]
        if before:
            last = max(before, key=lambda m: (m["at"], m["message_id"]))
            if bought["at"] < last["at"] + WEEK and last["campaign"] == "a":
                money[last["message_id"]] = money.get(last["message_id"], 0) + bought["amount"]
    return {**counts, "converted": len(money), "revenue": sum(money.values())}
