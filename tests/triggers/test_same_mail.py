"""A triggered mail has the bytes that a run over the whole audience would have given."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import pyarrow.compute as pc
import pytest

from mailwright.engine import Request, plan, render_plan
from mailwright.progress import Stages
from mailwright.run import messages_of
from mailwright.workspace import open_workspace
from tests.triggers.conftest import NOW, identify, track

CALLS = [
    track("p12", "product_viewed", 1, product_id="i0", category="shoes"),
    track("p12", "product_added", 2, product_id="i5", quantity=2, cart_id="c"),
    track("p12", "product_viewed", 2.1, product_id="i7", category="tents"),
]


def test_the_triggered_mail_has_the_bytes_of_the_batch(opened, root, sqlite_url, tmp_path, shared_world):
    live = opened(sqlite_url, only=["cart-abandoned"])
    for call in CALLS:
        live.ingest([call], now=NOW + timedelta(hours=2.2))
    due = NOW + timedelta(hours=2.5)
    made = []
    mails = live._firing._mails
    make = mails.make
    mails.make = lambda *a: made.extend(make(*a)) or made
    assert live.fire_all(due) == 1
    (mail,) = [m.message for m in made]

    # The same people and events in files, through the whole run.
    copy = shutil.copytree(root, tmp_path / "copy", ignore=shutil.ignore_patterns(".mailwright"))
    with (copy / "data" / "interactions.jsonl").open("a") as file:
        for call in CALLS:
            fields = {k: v for k, v in call["properties"].items() if k != "product_id"}
            row = {
                "profile_id": "p12",
                "event": call["event"],
                "at": call["timestamp"],
                "item_id": call["properties"]["product_id"],
                **fields,
            }
            file.write(json.dumps(row) + "\n")
    spec = shared_world.workspace.spec
    request = Request(open_workspace(copy), "cart", due, spec.seed, mail.occasion)
    # The model is that of the data: one that was trained before the events came is put in its place.
    whole = _plan(request, shared_world)
    alone = whole.recipients.filter(pc.equal(whole.recipients["profile_id"], "p12"))
    (batch,) = render_plan(whole, alone)
    (expected,) = messages_of(request, batch)
    # The fingerprint of the run is no part of the mail, nor is the rule of one mail a mailbox.
    assert mail.html == expected.html
    assert replace(mail, trace=b"", once_per_mailbox=True) == replace(expected, trace=b"")
    assert b"Person 12, your basket is waiting." in mail.html


def _plan(request, world):
    import mailwright.engine.planning as engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "trained_model", lambda *_, **__: world.model)
        return plan(request, Stages())


def test_the_signed_links_are_those_of_the_workspace(opened, sqlite_url):
    live = opened(sqlite_url, only=["welcome"])
    live.ingest([track("p3", "signed_up", 0)], now=NOW)
    live.fire_all(NOW)
    live.deliver()
    (mime,) = live.adapter.sent.values()
    assert b"List-Unsubscribe: <https://mail.northlight.example/u/" in mime


def test_somebody_new_gets_a_mail_as_soon_as_there_is_an_address(opened, sqlite_url):
    live = opened(sqlite_url, only=["welcome"])
    live.ingest(
        [identify("new", email="New@Example.com", firstName="Nora"), track("new", "signed_up", 0)], now=NOW
    )
    live.fire_all(NOW)
    live.deliver()
    (mime,) = live.adapter.sent.values()
    assert b"Nora, good that you are here." in mime
    assert b"To: New@example.com" in mime
