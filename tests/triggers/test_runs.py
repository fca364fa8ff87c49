"""What a trigger file may say beside the examples, what is wrong with one, and two workers on one store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mailwright.errors import ConfigError, RuleError
from mailwright.model.trigger import TriggerSpec
from mailwright.model.yamltext import parse_yaml
from tests.triggers.conftest import NOW, track
from triggers import compile_triggers, simulate

OFFER = "on: page_viewed\ncampaign: offer\n"


def with_files(workspace, **files):
    read = {name: parse_yaml(text, TriggerSpec, file=f"triggers/{name}.yaml") for name, text in files.items()}
    return replace(workspace, trigger_files=read)


@pytest.fixture
def play(workspace, shared_world):
    """``play({name: text}, calls…)`` → decisions as (trigger, profile, what, reason, hours after NOW)."""

    def run(files, *calls, until=None):
        found = simulate(with_files(workspace, **files), calls, until=until, world=shared_world)
        return [
            (d.trigger, d.profile_id, d.what, d.reason, (d.at - NOW) / timedelta(hours=1))
            for d in found.decisions
        ]

    return run


def test_the_higher_priority_meets_the_shared_cap_first(play):
    cap = "cap: [{ count: 1, per: 1 day, across: true }]\n"
    found = play(
        {
            "a_low": OFFER + cap + "wait: 1 hour\n",
            "z_high": "on: page_viewed\ncampaign: digest\nwait: 1 hour\npriority: 5\n" + cap,
        },
        track("p0", "page_viewed", 0),
    )
    assert found[2:] == [("z_high", "p0", "sent", "", 1), ("a_low", "p0", "suppressed", "capped", 1)]


@pytest.mark.parametrize(("again", "sent"), [("restart", [4.0]), ("keep", [2.0]), ("each", [2.0, 3.0, 4.0])])
def test_a_new_beginning_restarts_is_passed_over_or_waits_on_its_own(play, again, sent):
    views = [track("p0", "page_viewed", h) for h in (0, 1, 2)]
    text = OFFER + f"wait: 2 hours\nagain: {again}\nonce_per: 90 minutes\n"
    text = text if again == "keep" else text.replace("once_per: 90 minutes\n", "")
    found = play({"t": text}, *views[: 2 if again == "keep" else 3])
    assert [at for _, _, what, _, at in found if what == "sent"] == sent


def test_a_held_out_profile_gets_nothing_and_it_is_written_down(play):
    calls = [track(f"p{n}", "page_viewed", 0) for n in range(20)]
    found = play({"t": OFFER + "holdout: { share: 0.5 }\n"}, *calls)
    held = {who for _, who, what, reason, _ in found if (what, reason) == ("suppressed", "holdout")}
    sent = {who for _, who, what, _, _ in found if what == "sent"}
    assert 3 < len(held) < 17
    assert held | sent == {f"p{n}" for n in range(20)}
    assert not held & sent


def test_a_missed_moment_is_sent_late_or_skipped(sqlite_url, workspace, shared_world, tmp_path):
    from mailwright.model.workspace import EspSpec
    from send import open_adapter, open_outbox
    from triggers.live import Triggers

    files = with_files(workspace, late=OFFER, skip=OFFER + "skip_after: 1 hour\n")
    adapter = open_adapter(EspSpec(adapter="memory"), {}, root=tmp_path)
    live = Triggers(shared_world, compile_triggers(files), outbox=open_outbox(sqlite_url), adapter=adapter)
    live.ingest([track("p0", "page_viewed", 0)], now=NOW)
    live.fire_all(NOW + timedelta(hours=5))
    counts = live.journal.counts
    assert counts["late", "sent", ""] == 1
    assert counts["skip", "suppressed", "missed"] == 1


def test_a_run_whose_steps_changed_under_it_ends(opened, sqlite_url):
    live = opened(sqlite_url, only=["welcome"])
    live.ingest([track("p0", "signed_up", 0)], now=NOW)
    live.fire_all(NOW)
    other = opened(sqlite_url, only=["welcome"])
    changed = replace(other.triggers["welcome"], version="another")
    other.triggers["welcome"] = changed
    other.fire_all(NOW + timedelta(days=3))
    assert other.journal.counts["welcome", "suppressed", "trigger_changed"] == 1
    assert other.store.count_waiting() == 0


def test_who_sleeps_goes_on_sleeping_through_deeds_and_changed_steps(opened, sqlite_url):
    live = opened(sqlite_url, only=["dormant"])
    for hour in (0, 1, 2):
        live.ingest([track("p0", "page_viewed", hour)], now=NOW + timedelta(hours=hour))
    assert live.journal.counts == {}
    assert live.store.count_waiting() == 1
    other = opened(sqlite_url, only=["dormant"])
    other.triggers["dormant"] = replace(other.triggers["dormant"], version="another")
    other.fire_all(NOW + timedelta(hours=25))
    assert other.journal.counts == {}
    other.fire_all(NOW + timedelta(hours=26))
    assert other.journal.counts["dormant", "set", ""] == 1


def test_what_a_dead_worker_had_claimed_another_takes_over(opened, store_url):
    one, other = opened(store_url, only=["welcome"], lease_s=0.2), opened(store_url, only=["welcome"])
    one.ingest([track("p0", "signed_up", 0)], now=NOW)
    due, _ = one._firing._decide(NOW, 10)  # and dies
    assert len(due) == 1
    assert other.fire(NOW) == 0
    import time

    time.sleep(0.3)
    assert other.fire(NOW) == 1
    # The first was only slow: what it does now comes too late and changes nothing.
    one._firing._render(due, _, NOW)
    one._firing._commit(due, NOW)
    assert one.journal.counts["welcome", "sent", ""] == 0
    other.deliver()
    one.deliver()
    assert len(other.adapter.sent) + len(one.adapter.sent) == 1


def test_an_event_that_cancels_wins_over_a_mail_being_made(opened, store_url):
    live = opened(store_url, only=["cart-abandoned"])
    live.ingest([track("p0", "product_added", -1, product_id="i1", cart_id="c")], now=NOW)
    due, profiles = live._firing._decide(NOW, 10)
    live._firing._render(due, profiles, NOW)
    live.ingest([track("p0", "checkout_started", -0.1)], now=NOW)
    live._firing._commit(due, NOW)
    live.deliver()
    assert live.adapter.sent == {}
    assert live.explain("p0", now=NOW)["triggers"]["cart-abandoned"]["runs"][0]["state"] == "cancelled"


@pytest.mark.parametrize(
    ("text", "error", "line", "words"),
    [
        ("on: product_veiwed\ncampaign: offer\n", ConfigError, 1, "did you mean 'product_viewed'"),
        (
            "on: { segment_entered: vip }\ncampaign: offer\n",
            ConfigError,
            1,
            "there is no segment 'vip'",
        ),
        ("on: { date: first_name }\ncampaign: offer\n", ConfigError, 1, "no date 'first_name'"),
        ("on: { schedule: every day }\ncampaign: offer\n", ConfigError, 1, "five fields of cron"),
        ("on: page_viewed\nwait: a while\ncampaign: offer\n", ConfigError, 2, "'a while' is no wait"),
        ("on: page_viewed\nwait: until 25:00\ncampaign: offer\n", ConfigError, 2, "is no wait"),
        ("on: page_viewed\nunless: [gone]\ncampaign: offer\n", ConfigError, 2, "no event 'gone'"),
        ("on: page_viewed\nonce_per: cart_id\ncampaign: offer\n", ConfigError, 2, "no attribute 'cart_id'"),
        ("on: page_viewed\nwhen: viws > 1\ncampaign: offer\n", RuleError, 2, "views"),
        (
            "on: page_viewed\nsteps:\n  - set: { statu: x }\n",
            ConfigError,
            3,
            "did you mean 'status'",
        ),
        (
            "on: page_viewed\nexperiments:\n  e: { arms: { a: {}, b: { subject: x } } }\n"
            "  f: { arms: { a: {}, b: { subject: y } } }\ncampaign: offer\n",
            ConfigError,
            2,
            "both change subject",
        ),
        ("on: page_viewed\ncap: [{ per: often }]\ncampaign: offer\n", ConfigError, 2, "is no duration"),
    ],
)
def test_a_mistake_is_named_with_its_place(workspace, text, error, line, words):
    with pytest.raises(error) as found:
        compile_triggers(with_files(workspace, t=text))
    assert words in str(found.value)
    assert (found.value.at.file, found.value.at.line) == ("triggers/t.yaml", line)


@pytest.mark.parametrize(
    "text",
    [
        "on: page_viewed\n",
        "on: page_viewed\ncampaign: offer\nsteps: [{ mail: offer }]\n",
        "on: { event: page_viewed, inactivity: 1 hour }\ncampaign: offer\n",
        "on: {}\ncampaign: offer\n",
        "on: page_viewed\nsteps: [{ mail: offer, wait: 1 day }]\n",
        "on: page_viewed\nsteps: [{ wait: 1 day, then: [{ end: true }] }]\n",
    ],
)
def test_a_file_that_says_too_little_or_too_much_is_refused(text):
    with pytest.raises(ConfigError):
        parse_yaml(text, TriggerSpec, file="triggers/t.yaml")
