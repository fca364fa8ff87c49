"""What follows from what was sent: feedback for the next training, winners, plans, alerts, a warehouse."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mailwright.cli.commands.run import run
from mailwright.engine import assign, read_workspace
from mailwright.errors import DataError
from mailwright.experiments import read_promotions
from mailwright.feedback import gather_feedback
from mailwright.outboxes import workspace_outbox
from mailwright.promoting import Promoter, promote_winners
from mailwright.results import campaign_results, sent_messages
from mailwright.sending import archive_of
from mailwright.workspace import open_workspace
from recommend import train
from recommend.ratings import read_events
from send.event import Event, Kind
from tests.cli.conftest import NOW
from tests.cli.tested_shop import PROFILES, write_shop
from triggers.reread import Rereader

AT = datetime.fromisoformat(NOW)
LATER = AT + timedelta(days=2)
EXPERIMENT = """\
experiments:
  s:
    arms: { a: {}, b: { subject: New } }
    metric: clicked
    ramp: [{ at: 2026-11-20T08:00:00Z, share: 0.7 }]
    winner: { min_profiles: 50, min_hours: 1, rest: waits }
holdout: { share: 0.1 }
"""


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """A workspace whose newsletter went out; of the arm b nearly all clicked, of a few."""
    shop = write_shop(tmp_path_factory.mktemp("sent") / "shop", EXPERIMENT)
    run(campaign="newsletter", workspace=shop, now=NOW, workers=1, json=True)
    workspace = open_workspace(shop)
    outbox = workspace_outbox(workspace)
    rows = sent_messages(archive_of(workspace), outbox)
    events = []
    for number, row in enumerate(rows.filter(pc.equal(rows["status"], "accepted")).to_pylist()):
        clicks = number % 10 != 0 if row["arms"][0]["arm"] == "b" else number % 5 == 0
        kinds = [(Kind.DELIVERED, 60), (Kind.OPENED, 600)] + [(Kind.CLICKED, 700)] * clicks
        events += [_event(row, kind, seconds) for kind, seconds in kinds]
    machine = _event(rows.to_pylist()[0], Kind.OPENED, 900, machine=True)
    outbox.feedback.record([*events, machine])
    outbox.feedback.record(events)  # webhooks come twice
    outbox.close()
    return shop


def _event(row, kind, seconds, *, machine=False):
    return Event(
        esp="sendgrid",
        event_id=f"{kind}{seconds}-{row['message_id']}"[:100],
        kind=kind,
        at=AT.timestamp() + seconds,
        message_id=row["message_id"],
        url="https://www.example.com/i2?utm_source=mail" if kind == Kind.CLICKED else None,
        machine=machine,
    )


@pytest.fixture
def shop(sent, tmp_path):
    return shutil.copytree(sent, tmp_path / "shop")


def test_what_people_did_is_seen_by_features_and_training_once(shop):
    workspace = open_workspace(shop)
    before = read_workspace(workspace, now=LATER).audience
    counts = gather_feedback(workspace, now=LATER)
    assert set(counts) == {"email_opened", "email_clicked"}
    assert gather_feedback(workspace, now=LATER) == counts
    after = read_workspace(workspace, now=LATER).audience
    new = after.interactions.num_rows - before.interactions.num_rows
    assert new == sum(counts.values())
    clicked = after.interactions.filter(pc.equal(after.interactions["event"], "email_clicked"))
    assert set(clicked["item_id"].to_pylist()) == {"i2"}
    assert after.fingerprint != before.fingerprint
    who = clicked["profile_id"].to_pylist()[5]
    assert engagement(after, who) > engagement(before, who)
    assert "email_clicked" in workspace.spec.recommend.weights


def test_a_click_is_a_taste_that_the_next_training_learns_from(shop):
    workspace = open_workspace(shop)
    before = read_workspace(workspace, now=LATER).audience
    gather_feedback(workspace, now=LATER)
    after = read_workspace(workspace, now=LATER).audience
    spec = workspace.spec.recommend
    known = before.items["item_id"].combine_chunks()
    clicks = pc.sum(pc.equal(after.interactions["event"], "email_clicked")).as_py()
    events = [read_events(one.interactions, known, spec, LATER) for one in (before, after)]
    assert len(events[1].item) - len(events[0].item) == clicks > 0
    models = [train(one.interactions, one.items, spec, now=LATER, seed=0) for one in (before, after)]
    assert models[0].fingerprint != models[1].fingerprint


def engagement(audience, profile_id):
    row = audience.profiles["profile_id"].to_pylist().index(profile_id)
    return audience.profiles["engagement"][row].as_py()


def test_a_machine_s_open_is_no_person_s(shop):
    results = campaign_results(open_workspace(shop), "newsletter", now=LATER)
    # One of the opens was reported by a machine alone; that message was opened by a person too.
    totals = results.rows("all").to_pylist()[0]
    assert totals["opened"] == totals["delivered"] == totals["sent"]
    assert totals["machine_opened"] == 0
    stored = workspace_outbox(open_workspace(shop))
    assert stored.feedback.any()


def test_the_winner_is_promoted_once_and_the_rest_gets_it(cli, shop):
    data = cli("promote", "newsletter", "--workspace", shop, "--now", LATER.isoformat()).data
    assert [one["arm"] for one in data["promoted"]] == ["b"]
    assert promote_winners(open_workspace(shop), "newsletter", now=LATER)[0].arm == "b"
    assert len(read_promotions(open_workspace(shop))) == 1
    dry = cli(
        "run", "newsletter", "--workspace", shop, "--now", LATER.isoformat(), "--workers", 1, "--dry-run"
    ).data
    assert "awaiting_winner" not in dry["skipped"]
    assert dry["rendered"] + sum(dry["skipped"].values()) == PROFILES


def test_a_server_promotes_by_the_rule_within_the_hour_and_then_shows_the_winner(shop, monkeypatch):
    workspace = open_workspace(shop)
    look = Promoter(workspace, Rereader(workspace))
    started = AT + timedelta(minutes=30)
    assert look(started) is None
    assert read_promotions(workspace) == (), "the rule asks for an hour"
    look(started + timedelta(minutes=59))
    assert read_promotions(workspace) == (), "nobody looks before the hour is over"
    due = started + timedelta(hours=1)
    look(due)
    (promoted,) = read_promotions(workspace)
    assert (promoted.experiment, promoted.arm, promoted.at) == ("s", "b", due.isoformat(timespec="seconds"))
    shown = [look(due + timedelta(seconds=30 * n)) for n in (1, 2)]
    world = next(found for found in shown if found is not None)
    assert world.promotions == (promoted,)
    request = world.request("newsletter", "", due)
    arms = assign(request, world.campaign("newsletter", due), world.audience.profiles["profile_id"])
    assert arms.shown["experiment:s"].null_count == 0, "the rest is shown the winner"

    def fail(*_args, **_more):
        raise AssertionError("all is decided: nobody needs to be read")

    monkeypatch.setattr("mailwright.promoting.read_workspace", fail)
    assert look(due + timedelta(hours=2)) is None


def test_what_a_server_reads_again_is_not_lost_where_promoting_fails(shop, monkeypatch):
    """``reread`` gives what changed once."""
    given = ["the world"]
    look = Promoter(open_workspace(shop), lambda _now: given.pop() if given else None)

    def fail(*_args, **_more):
        raise DataError("the store is away")

    monkeypatch.setattr("mailwright.promoting.declared", fail)
    with pytest.raises(DataError, match="away"):
        look(LATER)
    assert look(LATER + timedelta(seconds=30)) == "the world"


def test_sending_promotes_by_itself(cli, shop):
    data = cli("send", "newsletter", "--workspace", shop, "--now", LATER.isoformat(), "--workers", 1).data
    assert len(read_promotions(open_workspace(shop))) == 1
    assert 0 < data["sent"] < data["rendered"]
    assert data["delivery"]["already_sent"] == data["rendered"] - data["sent"]
    # Those who were promoted the winner are no part of the measurement.
    again = campaign_results(open_workspace(shop), "newsletter", now=LATER)
    (experiment,) = again.experiments
    assert sum(arm.profiles for arm in experiment.arms) == data["delivery"]["already_sent"]


def test_a_plan_stands_on_the_audience_and_the_history(cli, shop):
    data = cli("plan", "s", "--workspace", shop, "--now", LATER.isoformat()).data
    assert data["metric"] == "clicked"
    assert data["basis"] == "mails of newsletter"
    assert 0.3 < data["baseline"] < 0.8
    held = sum(cli_skip(shop).values())
    assert data["audience"] == int((PROFILES - held) * 0.7)
    assert "profiles are needed" in data["warning"]
    given = cli("plan", "s", "--workspace", shop, "--baseline", "0.2", "--minimum-effect", "0.9").data
    assert given["basis"] == "given"
    assert given["profiles"] < data["profiles"]


def cli_skip(shop):
    (held,) = {path.parent for path in (shop / ".mailwright" / "sent").glob("*/held_out.parquet")}
    return {"holdout": pq.read_metadata(held / "held_out.parquet").num_rows}


def test_a_plan_of_no_experiment_names_the_nearest(cli, shop):
    result = cli("plan", "t", "--workspace", shop)
    assert result.code == 2
    assert "there is no experiment 't'" in result.data["error"]


def test_without_history_a_plan_asks_for_a_baseline(cli, tmp_path):
    fresh = write_shop(tmp_path / "fresh", EXPERIMENT)
    result = cli("plan", "s", "--workspace", fresh)
    assert result.code == 2
    assert "--baseline" in result.data["fix"]


def test_without_statsmodels_the_extra_is_named(cli, shop, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "statsmodels.stats", None)
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    result = cli("plan", "s", "--workspace", shop, "--baseline", "0.2")
    assert result.code in (1, 2)
    assert "mailwright[measure]" in result.err


def test_alerts_and_proposals_come_as_one_object(cli, shop):
    data = cli("alerts", "--workspace", shop, "--now", LATER.isoformat()).data
    assert set(data) == {"alerts", "proposals"}


def test_the_warehouse_holds_every_mail_and_what_it_came_to(cli, shop, tmp_path):
    data = cli("warehouse", tmp_path / "out", "--workspace", shop, "--now", LATER.isoformat()).data
    rows = {path.rpartition("/")[2]: count for path, count in data["files"].items()}
    assert set(rows) == {"messages.parquet", "outcomes.parquet", "facts.parquet", "performance.parquet"}
    facts = pq.read_table(tmp_path / "out" / "facts.parquet")
    assert facts.num_rows == rows["messages.parquet"]
    assert {"message_id", "segments", "blocks", "arms", "sources", "clicked", "held_out", "revenue"} <= set(
        facts.column_names
    )
    assert pc.sum(facts["clicked"]).as_py() > 50


def test_a_forgotten_person_is_gone_from_what_came_back(shop):
    from mailwright.privacy import forget

    workspace = open_workspace(shop)
    gather_feedback(workspace, now=datetime(2026, 11, 25, tzinfo=UTC))
    forget(workspace, "p5")
    gather_feedback(workspace, now=datetime(2026, 11, 25, tzinfo=UTC))
    table = pq.read_table(shop / ".mailwright" / "feedback" / "interactions.parquet")
    assert "p5" not in table["profile_id"].to_pylist()
    assert table.num_rows > 100
