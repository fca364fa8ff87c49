"""Experiments from the campaign's file to the mail, its trace, what is kept of it, and the results."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mailwright.engine import Request, plan, render_plan
from mailwright.errors import ConfigError
from mailwright.experiments import Promoted, read_promotions, write_promotions
from mailwright.model.experiment import arm_of, version_of
from mailwright.outboxes import workspace_outbox
from mailwright.progress import Stages
from mailwright.results import sent_messages
from mailwright.sending import archive_of
from mailwright.workspace import open_workspace
from tests.cli.conftest import NOW
from tests.cli.tested_shop import PROFILES, write_hero, write_shop

AT = datetime.fromisoformat(NOW)
BLOCKS = """\
experiments:
  hero: { arms: { usual: {}, big: {} } }
"""


@pytest.fixture
def shop(tmp_path):
    return write_shop(tmp_path / "shop")


def planned(folder, *, now=AT, **options):
    workspace = open_workspace(folder)
    request = Request(workspace, "newsletter", now, 1, "first", **options)
    return plan(request, Stages())


def mails_of(made):
    return [mail for batch in render_plan(made) for mail in batch.to_pylist()]


def test_every_arm_shows_what_it_says(shop):
    made = planned(shop)
    rows = {row["profile_id"]: row for row in made.recipients.to_pylist()}
    seen = Counter()
    for mail in mails_of(made):
        row = rows[mail["profile_id"]]
        subject, offer = row["experiment:subject"], row["experiment:offer"]
        assert (mail["subject"] == "New hats") == (subject == "short")
        assert (mail["preheader"] == "Hats") == (subject == "short")
        assert ("code TEN" in mail["text"]) == (offer == "ten")
        assert ("the other code" in mail["text"]) == (offer == "layout")
        sources = {item["source"] for item in row["recommendations"]}
        if row["experiment:picks"] == "popular":
            assert "collaborative" not in sources
        trace = orjson.loads(mail["trace"])
        assert trace["experiments"] == {"subject": subject, "offer": offer, "picks": row["experiment:picks"]}
        seen[subject, offer] += 1
    assert len(seen) == 6
    assert min(seen.values()) > 20


def test_an_arm_is_the_same_alone_and_among_all(shop):
    made = planned(shop)
    for name, spec in made.compiled.experiments.items():
        alone = [
            arm_of(name, spec, one, now=AT, content=made.compiled.content[name])
            for one in made.everyone["profile_id"].to_pylist()
        ]
        assert made.everyone[f"experiment:{name}"].to_pylist() == alone


def test_mails_of_arms_are_the_same_bytes_from_any_number_of_workers(shop):
    one, two = planned(shop), planned(shop, workers=2)
    assert mails_of(one) == mails_of(two)


def test_mjml_runs_once_per_template_version_however_many_arms_there_are(shop):
    first = planned(shop).compiled
    # The letter, the letter with another code, and the other template; the subjects share what these gave.
    assert first.stats.mjml_runs == 3
    assert planned(shop).compiled.stats.mjml_runs == 0


def test_an_experiment_is_a_part_of_the_fingerprint(shop):
    before = planned(shop).fingerprint
    path = shop / "campaigns" / "newsletter.yaml"
    path.write_text(path.read_text().replace("New hats", "Newer hats"))
    assert planned(shop).fingerprint != before


def test_a_block_is_shown_in_its_arm_and_nowhere_else(tmp_path):
    shop = write_shop(tmp_path / "shop", BLOCKS)
    write_hero(shop, "large", "priority: 9\nexperiment: { name: hero, arm: big }")
    made = planned(shop)
    arms = Counter()
    for mail, row in zip(mails_of(made), made.recipients.to_pylist(), strict=True):
        assert ("hero large" in mail["text"]) == (row["experiment:hero"] == "big")
        arms[row["experiment:hero"]] += 1
    assert set(arms) == {"usual", "big"}


def test_blocks_alone_declare_an_experiment(tmp_path):
    shop = write_shop(tmp_path / "shop", "")
    write_hero(shop, "large", "priority: 9\nexperiment: { name: hero, arm: big, share: 0.2 }")
    made = planned(shop)
    assert made.compiled.experiments["hero"].shares == {"control": 0.8, "big": 0.2}
    big = sum("hero large" in mail["text"] for mail in mails_of(made))
    assert 0.1 < big / PROFILES < 0.3


def test_a_changed_block_of_an_arm_is_a_new_version(tmp_path):
    shop = write_shop(tmp_path / "shop", BLOCKS)
    write_hero(shop, "large", "priority: 9\nexperiment: { name: hero, arm: big }")
    before = planned(shop).assignment.versions
    write_hero(shop, "large", "priority: 9\ndescription: new\nexperiment: { name: hero, arm: big }")
    after = planned(shop).assignment.versions
    assert before["hero"] != after["hero"]


def arms(second):
    return f"experiments: {{ a: {{ arms: {{ x: {{}}, y: {second} }} }} }}\n"


@pytest.mark.parametrize(
    ("experiments", "front", "what"),
    [
        (BLOCKS, "experiment: { name: hero, arm: bgi }", "has no arm 'bgi'"),
        (arms("{ template: nope }"), "priority: 1", "no template 'nope'"),
        (arms("{ strategy: nope }"), "priority: 1", "no strategy 'nope'"),
        (
            "experiments:\n  a: { arms: { x: {}, y: { subject: A } } }\n"
            "  b: { arms: { x: {}, y: { subject: B } } }\n",
            "priority: 1",
            "both change subject",
        ),
    ],
)
def test_what_cannot_run_is_refused_at_its_line(tmp_path, experiments, front, what):
    shop = write_shop(tmp_path / "shop", experiments)
    write_hero(shop, "large", front)
    with pytest.raises(ConfigError, match=what) as error:
        planned(shop)
    assert error.value.at.file.endswith((".yaml", ".mjml"))


def test_two_experiments_of_one_slot_are_refused(tmp_path):
    shop = write_shop(tmp_path / "shop", "")
    write_hero(shop, "large", "priority: 9\nexperiment: { name: size, arm: big }")
    write_hero(shop, "green", "priority: 8\nexperiment: { name: colour, arm: green }")
    with pytest.raises(ConfigError, match="both change the slot hero"):
        planned(shop)


def test_explain_tells_the_arms(cli, shop):
    data = cli("explain", "newsletter", "--profile", "p1", "--workspace", shop, "--now", NOW).data
    made = planned(shop)
    row = next(row for row in made.everyone.to_pylist() if row["profile_id"] == "p1")
    assert data["experiments"]["subject"] == row["experiment:subject"]


def test_what_was_sent_is_measured_by_arm_and_against_those_held_out(cli, shop):
    data = cli("run", "newsletter", "--workspace", shop, "--now", NOW, "--workers", 1).data
    held = data["skipped"]["holdout"]
    assert 10 < held < 50
    workspace = open_workspace(shop)
    sent = sent_messages(archive_of(workspace), workspace_outbox(workspace))
    assert Counter(sent["skip_reason"].to_pylist())["holdout"] == held
    made = planned(shop)
    shown = {row["profile_id"]: row["experiment:subject"] for row in made.everyone.to_pylist()}
    for row in sent.filter(pc.equal(sent["status"], "accepted")).to_pylist():
        arms = {entry["experiment"]: entry["arm"] for entry in row["arms"]}
        assert arms["subject"] == shown[row["profile_id"]]
    # Sent again, nobody is held out twice.
    cli("run", "newsletter", "--workspace", shop, "--now", NOW, "--workers", 1)
    again = sent_messages(archive_of(workspace), workspace_outbox(workspace))
    assert again.num_rows == sent.num_rows

    results = cli("results", "newsletter", "--workspace", shop, "--now", "2026-11-21").data
    arms = {(row["name"].split("@")[0], row["value"]) for row in results["breakdown"]["arm"]}
    assert ("subject", "short") in arms
    assert ("offer", "layout") in arms
    found = {one["name"]: one for one in results["experiments"]}
    assert all(one["current"] for one in found.values())
    assert results["lift"]["held_out"] == held


def test_the_workspace_s_holdout_gets_no_campaign_and_is_measured(cli, tmp_path):
    shop = write_shop(tmp_path / "shop", "")
    with (shop / "mailwright.yaml").open("a") as file:
        file.write("\nholdout: { share: 0.2 }\n")
    held = cli("run", "newsletter", "--workspace", shop, "--now", NOW, "--workers", 1).data["skipped"][
        "holdout"
    ]
    assert 30 < held < 90
    workspace = open_workspace(shop)
    sent = sent_messages(archive_of(workspace), workspace_outbox(workspace))
    assert Counter(sent["skip_reason"].to_pylist())["holdout"] == held
    results = cli("results", "newsletter", "--workspace", shop, "--now", "2026-11-21").data
    assert results["lift"]["held_out"] == held


def test_a_replay_makes_the_mail_of_the_arm(cli, shop):
    cli("run", "newsletter", "--workspace", shop, "--now", NOW, "--workers", 1)
    rows = cli("outbox", "list", "--workspace", shop).data["messages"]
    assert len(rows) > 6
    for row in rows[:6]:
        assert cli("replay", row["message_id"], "--workspace", shop).data["equal"]


def test_a_ramp_grows_and_the_rest_get_the_campaign_as_it_is_written(tmp_path):
    ramp = "[{at: 2026-11-20T08:00:00Z, share: 0.2}, {at: 2026-11-22T08:00:00Z, share: 1}]"
    shop = write_shop(
        tmp_path / "shop",
        f"experiments: {{ s: {{ arms: {{ a: {{}}, b: {{ subject: New }} }}, ramp: {ramp} }} }}\n",
    )
    few = planned(shop).everyone["experiment:s"]
    every = planned(shop, now=AT + timedelta(days=3)).everyone["experiment:s"]
    assert 30 < PROFILES - few.null_count < 100
    assert every.null_count == 0
    for small, large in zip(few.to_pylist(), every.to_pylist(), strict=True):
        assert small in (None, large)


def promoted(shop, arm="b"):
    workspace = open_workspace(shop)
    compiled = planned(shop).compiled
    version = version_of("s", compiled.experiments["s"], compiled.content["s"])
    write_promotions(workspace, [Promoted("campaign:newsletter", "s", version, arm, "by hand", NOW)])
    return read_promotions(workspace)


WAITS = """\
experiments:
  s:
    arms: { a: {}, b: { subject: New } }
    ramp: [{ at: 2026-11-20T08:00:00Z, share: 0.2 }]
    winner: { min_profiles: 5, min_hours: 1, rest: waits, at_most_hours: 48 }
"""


def test_the_rest_waits_for_the_winner_and_then_gets_it(tmp_path):
    shop = write_shop(tmp_path / "shop", WAITS)
    before = planned(shop)
    waiting = before.admission.skipped["awaiting_winner"]
    assert waiting == before.everyone["experiment:s"].null_count > 150
    made = planned(shop, promotions=promoted(shop))
    assert "awaiting_winner" not in made.admission.skipped
    assert made.fingerprint != before.fingerprint
    mine = dict(
        zip(
            before.everyone["profile_id"].to_pylist(),
            before.everyone["experiment:s"].to_pylist(),
            strict=True,
        )
    )
    for mail in mails_of(made):
        arm = mine[mail["profile_id"]]
        assert (mail["subject"] == "New") == (arm != "a")
        trace = orjson.loads(mail["trace"])
        assert trace["experiments"] == {"s": arm or "b"}
        assert trace.get("promoted", []) == ([] if arm else ["s"])
    enrolled = [bool(arms) for arms in made.everyone["arms"].to_pylist()]
    assert sum(enrolled) == PROFILES - waiting


def test_the_rest_does_not_wait_for_ever(tmp_path):
    shop = write_shop(tmp_path / "shop", WAITS)
    late = planned(shop, now=datetime(2026, 11, 22, 9, tzinfo=UTC))
    assert "awaiting_winner" not in late.admission.skipped
    assert {mail["subject"][:5] for mail in mails_of(late)} == {"Hello", "New"}


def test_a_promotion_of_another_version_counts_for_nothing(tmp_path):
    shop = write_shop(tmp_path / "shop", WAITS)
    old = promoted(shop)
    path = shop / "campaigns" / "newsletter.yaml"
    path.write_text(path.read_text().replace("subject: New", "subject: Newest"))
    assert planned(shop, promotions=old).admission.skipped["awaiting_winner"] > 150


def test_an_arm_s_hour_holds_its_mails_back(cli, tmp_path):
    shop = write_shop(
        tmp_path / "shop",
        'experiments: { s: { arms: { now: {}, late: { send_at: "23:59:59" } } } }\n',
    )
    data = cli("run", "newsletter", "--workspace", shop, "--now", NOW, "--workers", 1).data
    made = planned(shop)
    late = made.everyone["experiment:s"].to_pylist().count("late")
    assert data["delivery"]["waiting"] == late
    assert data["sent"] == PROFILES - late


def test_the_archive_keeps_the_arms(cli, shop):
    cli("run", "newsletter", "--workspace", shop, "--now", NOW, "--workers", 1)
    (rows,) = (shop / ".mailwright" / "sent").glob("*/rows.parquet")
    assert "arms" in pq.read_schema(rows).names
