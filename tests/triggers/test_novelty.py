"""Data that were read anew begin triggers: a price that fell, an item that is back, new recommendations."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest

from mailwright.shown import SHOWN, keep_shown
from mailwright.workspace import open_workspace
from measure.schema import MESSAGES
from tests.triggers.conftest import NOW, track
from tests.triggers.test_runs import with_files
from triggers import compile_triggers
from triggers.reread import Rereader
from triggers.world import read_world

DAY = timedelta(days=1)


@pytest.fixture
def data(root, tmp_path):
    """``data(price={…}, gone={…})`` writes the catalogue and gives the world read of it."""
    copy = shutil.copytree(root, tmp_path / "data-root", ignore=shutil.ignore_patterns(".mailwright"))

    def write(price=None, gone=()):
        rows = [
            {"item_id": f"i{n}", "title": f"Item {n}", "category": "tents",
             "price": (price or {}).get(f"i{n}", 100.0), "in_stock": f"i{n}" not in gone}
            for n in range(12)
        ]  # fmt: skip
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (copy / "data" / "items.jsonl").write_text(text)
        return read_world(open_workspace(copy), now=NOW)

    return write


@pytest.fixture
def opened_with(workspace, sqlite_url, tmp_path):
    """``opened_with(world, text)`` → Triggers with one trigger ``t`` over its own copy of the world."""
    from mailwright.model.workspace import EspSpec
    from send import open_adapter, open_outbox
    from triggers.live import Triggers

    outboxes = []

    def open_one(world, text):
        outbox = open_outbox(sqlite_url, clock=lambda: NOW.timestamp())
        outboxes.append(outbox)
        found = compile_triggers(with_files(workspace, t=text))
        adapter = open_adapter(EspSpec(adapter="memory"), {}, root=tmp_path)
        return Triggers(replace(world), found, outbox=outbox, adapter=adapter)

    yield open_one
    for outbox in outboxes:
        outbox.close()


def sent_to(live):
    return sorted({name for name, runs in _runs(live).items() if runs})


def _runs(live):
    with live.store.db.read() as connection:
        return {name: live.store.runs_of(connection, name) for name in [f"p{n}" for n in range(30)]}


DROP = "on: { price_drop: 10 }\nonce_per: event.item_id\ncampaign: back\n"


def test_a_price_that_fell_starts_for_whoever_saw_the_item_and_did_not_buy_it(data, opened_with):
    live = opened_with(data(), DROP)
    live.ingest(
        [
            track("p0", "product_viewed", -1, product_id="i4"),
            track("p1", "product_viewed", -1, product_id="i5"),
            track("p2", "product_added", -2, product_id="i4"),
            track("p2", "order_completed", -1, product_id="i4", total=5),
            track("p3", "product_viewed", -24 * 100, product_id="i4"),
            track("p4", "page_viewed", -1),
        ],
        now=NOW,
    )
    live.sweep(NOW)
    assert sent_to(live) == []  # the first look only remembers
    live.renew(data(price={"i4": 80.0, "i5": 95.0}))
    live.sweep(NOW + DAY)
    assert sent_to(live) == ["p0"]
    (run,) = _runs(live)["p0"]
    assert (run.occasion, run.event["event"], run.event["item_id"]) == ("i4", "price_drop", "i4")
    live.sweep(NOW + DAY)
    live.renew(data(price={"i4": 80.0, "i5": 80.0}))
    live.sweep(NOW + 2 * DAY)
    assert sent_to(live) == ["p0", "p1"]
    assert len(_runs(live)["p0"]) == 1


def test_who_saw_it_by_the_files_is_found_too(data, opened_with):
    live = opened_with(data(), DROP.replace("10 }", "10, seen: 300 days }"))
    live.sweep(NOW)
    live.renew(data(price={f"i{n}": 50.0 for n in range(12)}))
    live.sweep(NOW)
    assert len(sent_to(live)) > 10


def test_a_process_that_dies_half_way_starts_nothing_twice(data, opened_with, monkeypatch):
    text = "on: { price_drop: 10 }\nagain: each\ncampaign: back\n"
    live = opened_with(data(), text)
    live.ingest([track("p0", "product_viewed", -1, product_id="i4")], now=NOW)
    live.sweep(NOW)
    live.renew(data(price={"i4": 50.0}))

    def die(_, name, __):
        if name == "catalogue":
            raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(live.store, "write_meta", die)
        with pytest.raises(RuntimeError):
            live.sweep(NOW)
    assert len(_runs(live)["p0"]) == 1
    live.fire_all(NOW)
    live.sweep(NOW)
    assert len(_runs(live)["p0"]) == 1


def test_an_item_that_is_back_starts_for_whoever_saw_it(data, opened_with):
    live = opened_with(data(gone={"i4", "i5"}), "on: { back_in_stock: seen }\ncampaign: back\n")
    live.ingest([track("p0", "product_viewed", -1, product_id="i4")], now=NOW)
    live.ingest([track("p1", "product_viewed", -1, product_id="i5")], now=NOW)
    live.sweep(NOW)
    live.renew(data(gone={"i5"}))
    live.sweep(NOW + DAY)
    assert sent_to(live) == ["p0"]
    live.fire_all(NOW + DAY)
    live.deliver()
    assert len(live.adapter.sent) == 1


def test_new_recommendations_start_where_enough_are_new(data, opened_with):
    live = opened_with(
        data(gone={"i1", "i2", "i3", "i4"}), "on: { new_recommendations: 3 }\ncampaign: back\n"
    )
    live.sweep(NOW)
    assert sent_to(live) == []
    live.renew(data())
    live.sweep(NOW + DAY)
    first = sent_to(live)
    assert first
    run = _runs(live)[first[0]][0]
    assert len(run.event["items"]) >= 3
    assert set(run.event["items"]) <= {"i1", "i2", "i3", "i4"}
    live.sweep(NOW + 2 * DAY)
    assert all(len(runs) <= 1 for runs in _runs(live).values())


def test_files_are_read_again_once_they_have_changed_and_nobody_writes(data, tmp_path):
    data()
    look = Rereader(open_workspace(tmp_path / "data-root"))
    assert look(NOW) is None
    data(price={"i4": 1.0})
    assert look(NOW) is None  # it may still be written to
    world = look(NOW)
    assert world is not None
    assert 1.0 in world.audience.items["price"].to_pylist()
    assert look(NOW) is None


def test_what_runs_write_of_the_mails_they_sent_is_read_again_too(data, tmp_path):
    data()
    workspace = open_workspace(tmp_path / "data-root")
    look = Rereader(workspace)
    keep_shown(MESSAGES.empty_table(), workspace.state / SHOWN)
    assert look(NOW) is None
    assert look(NOW) is not None
