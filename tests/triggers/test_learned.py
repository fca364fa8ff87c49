"""Clusters and scores of a live profile are those that a run over everybody would give it at that moment."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mailwright.engine import read_workspace
from mailwright.fitting import fit_learned
from mailwright.workspace import open_workspace
from tests.cli.learnedshop import NOW, learned_shop
from triggers.mails import MailMaker, Snapshot
from triggers.profile import LiveProfile
from triggers.world import read_world

TEMPLATE = """<mjml lang="en" dir="ltr"><mj-head><mj-title>Hello</mj-title></mj-head><mj-body><mj-section>
<mj-column>
<mj-text>Hello <a href="{{ unsubscribe_url }}">out</a></mj-text></mj-column></mj-section></mj-body></mjml>"""
CAMPAIGN = "template: hello\nsubject: Hello\naudience: email IS NOT NULL\nrecommendations: { n: 0 }\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = learned_shop(tmp_path_factory.mktemp("live") / "shop")
    (root / "campaigns").mkdir()
    (root / "campaigns" / "hello.yaml").write_text(CAMPAIGN)
    (root / "templates" / "hello").mkdir(parents=True)
    (root / "templates" / "hello" / "template.mjml").write_text(TEMPLATE)
    workspace = open_workspace(root)
    fit_learned(workspace, read_workspace(workspace, now=NOW).audience, [], now=NOW, seed=0)
    return read_world(workspace, now=NOW)


def live_profile(world, name):
    rows = world.audience.interactions.to_pylist()
    return LiveProfile(
        world.profiles([name])[0],
        [row for row in rows if row["profile_id"] == name],
        category=world.categories.get,
        cuts=world.audience.cuts,
        learned=world.source.learned,
    )


def bought(name, at):
    row = {"profile_id": name, "item_id": "i", "event": "order_completed"}
    return row | {"at": at, "quantity": 1, "amount": 50.0}


def after(world, rows, now):
    """The profiles as a run reads them once the events stand in the file too."""
    file = world.workspace.root / "interactions.parquet"
    whole = pq.read_table(file)
    try:
        pq.write_table(pa.concat_tables([whole, pa.Table.from_pylist(rows, whole.schema)]), file)
        return read_workspace(world.workspace, now=now).audience.profiles
    finally:
        pq.write_table(whole, file)


def test_as_events_come_in_they_follow(world):
    names = world.source.learned.names
    now = NOW + timedelta(hours=9)
    new = [bought("p0002", NOW + timedelta(hours=hour)) for hour in range(1, 9)]
    live = live_profile(world, "p0002")
    live.at(NOW)
    before = {name: live[name] for name in names}
    assert before == {name: world.audience.profiles[name][2].as_py() for name in names}
    for row in new:
        live.add(row)
    live.at(now)
    expected = after(world, new, now).slice(2, 1).to_pylist()[0]
    assert {name: live[name] for name in names} == {name: expected[name] for name in names}
    assert live["buys_soon"] > before["buys_soon"]
    assert set(names) <= set(live)


def test_a_triggered_mail_reads_what_a_run_would(world):
    now = NOW + timedelta(hours=9)
    new = [bought("p0002", NOW + timedelta(hours=hour)) for hour in range(1, 9)]
    live = live_profile(world, "p0002")
    for row in new:
        live.add(row)
    frame, _, _ = MailMaker(world)._people(["p0002"], {"p0002": Snapshot.of(live)}, now)
    expected = after(world, new, now).slice(2, 1)
    for name in (*world.source.learned.names, "purchases"):
        assert frame[name].to_pylist() == expected[name].to_pylist()


def test_somebody_new_is_put_into_a_group_at_once(world):
    live = LiveProfile(
        world.profiles(["stranger"])[0],
        [],
        category=world.categories.get,
        cuts=world.audience.cuts,
        learned=world.source.learned,
    )
    live.at(NOW)
    assert live["kind"] in world.source.learned.clusters["kind"].names
    assert live["buys_soon"] is None
