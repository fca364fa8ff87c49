"""``outbox``: what an operator sees and does."""

import io

import pytest
from rich.console import Console

from mailwright.cli.console import ShownStages
from tests.cli.conftest import NOW


def test_an_operator_sees_what_was_sent(cli, starter):
    assert cli("outbox", "--workspace", starter).data["campaigns"] == []
    cli("run", "newsletter", "--workspace", starter, "--now", NOW)
    (standing,) = cli("outbox", "--workspace", starter).data["campaigns"]
    assert (standing["campaign"], standing["occasion"]) == ("newsletter", "first")
    assert standing["counts"] == {"accepted": 5}
    rows = cli("outbox", "list", "--workspace", starter, "--status", "accepted").data["messages"]
    assert sorted(row["profile_id"] for row in rows) == ["p1", "p2", "p3", "p4", "p5"]


def test_a_rehearsal_leaves_no_mark_on_the_real_outbox(cli, starter):
    cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--stub-esp")
    assert cli("outbox", "--workspace", starter).data["campaigns"] == []
    assert cli("outbox", "--workspace", starter, "--rehearsal").data["campaigns"]
    assert cli("run", "newsletter", "--workspace", starter, "--now", NOW).data["sent"] == 5


def test_a_paused_campaign_sends_nothing_until_it_is_resumed(cli, starter):
    where = ("--campaign", "newsletter", "--occasion", "first", "--workspace", starter)
    assert cli("outbox", "pause", *where).code == 0
    paused = cli("run", "newsletter", "--workspace", starter, "--now", NOW).data
    assert (paused["sent"], paused["delivery"]["waiting"]) == (0, 5)
    assert cli("outbox", "resume", *where).code == 0
    assert cli("run", "newsletter", "--workspace", starter, "--now", NOW).data["delivery"]["waiting"] == 0
    (standing,) = cli("outbox", "--workspace", starter).data["campaigns"]
    assert standing["counts"] == {"accepted": 5}


def test_what_an_action_needs_is_said(cli, starter):
    assert cli("outbox", "retry", "--workspace", starter).code == 2
    assert cli("outbox", "pause", "--workspace", starter, "--campaign", "newsletter").code == 2


@pytest.mark.parametrize("action", ["pause", "resume", "stop"])
def test_a_campaign_that_there_is_not_is_refused_with_the_nearest_name(cli, starter, action):
    where = ("--campaign", "newsleter", "--occasion", "first", "--workspace", starter)
    answer = cli("outbox", action, *where, plain=True)
    assert answer.code == 2
    assert "did you mean 'newsletter'?" in answer.err
    assert cli("outbox", "--workspace", starter).data["campaigns"] == []


def test_a_stage_that_ends_early_shows_how_far_it_came():
    shown = io.StringIO()
    stages = ShownStages(Console(file=shown, width=100))
    with stages("read"):
        pass
    with stages("send") as progress:
        progress(131, 500)
    stages.close()
    assert "131/500" in shown.getvalue()
    assert "1/1" in shown.getvalue()
