"""What live profiles are recommended, in tables that are cut and not copied."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import triggers.recommending as recommending
from tests.triggers.conftest import NOW
from triggers.mails import MailMaker, Snapshot
from triggers.world import interactions_of

LATER = NOW + timedelta(hours=1)


def event(profile_id, item_id, hours):
    at = NOW + timedelta(hours=hours)
    return {"profile_id": profile_id, "event": "product_viewed", "item_id": item_id, "at": at}


def snapshot(world, profile_id, *rows):
    (attributes,) = world.profiles([profile_id])
    before = world.events.rows(profile_id)
    return Snapshot({**attributes, "profile_id": profile_id}, [*before, *rows])


def test_the_events_of_live_profiles_stand_where_sorting_would_put_them(shared_world):
    ids = ["a-first", "p12", "p12-new", "p7", "z-last"]
    rows = [event(name, f"i{n}", n / 10) for name in ids for n in range(3)]
    files = shared_world.audience.interactions
    mine = interactions_of(rows, files)
    others = files.filter(pc.invert(pc.is_in(files["profile_id"], value_set=pa.array(ids))))
    assert 0 < others.num_rows < files.num_rows
    wanted = pa.concat_tables([others, mine]).sort_by([("profile_id", "ascending"), ("at", "ascending")])
    assert recommending._events(shared_world, ids, mine).equals(wanted)


def test_who_gets_no_mail_is_recommended_nothing(shared_world, monkeypatch):
    def read(*_, **__):
        raise AssertionError("everybody was read")

    monkeypatch.setattr(recommending, "read_context", read)
    stranger = {"stranger": snapshot(shared_world, "stranger")}
    (made,) = MailMaker(shared_world).make("offer", [("stranger", "o")], stranger, LATER)
    assert (made.message, made.reason) == (None, "no_address")


def test_beside_one_who_gets_no_mail_the_others_get_theirs(shared_world):
    wanted = [("p12", "o"), ("stranger", "o"), ("p13", "o")]
    known = {name: snapshot(shared_world, name, event(name, "i1", 0.5)) for name, _ in wanted}
    made = MailMaker(shared_world).make("re-engage", wanted, known, LATER)
    assert [one.reason for one in made] == ["", "no_address", ""]
    for n in (0, 2):
        some = [wanted[n]]
        (alone,) = MailMaker(shared_world).make("re-engage", some, {wanted[n][0]: known[wanted[n][0]]}, LATER)
        assert alone.message.html == made[n].message.html
        assert alone.message.profile_id == wanted[n][0]


@pytest.mark.parametrize("campaign", ["re-engage", "cart"])
def test_a_workspace_without_segments_has_triggered_mails_with_recommendations(shared_world, campaign):
    bare = replace(
        shared_world, segmentation=replace(shared_world.segmentation, columns=pa.table({})), contexts={}
    )
    one = {"p12": snapshot(bare, "p12", event("p12", "i1", 0.5))}
    (made,) = MailMaker(bare).make(campaign, [("p12", "o")], one, LATER)
    assert made.message is not None
