"""``results``: what came of what was sent."""

from datetime import UTC, datetime

from mailwright.sending import workspace_outbox
from mailwright.workspace import open_workspace
from send.event import Event, Kind
from tests.cli.conftest import NOW

NEXT_DAY = datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_nothing_sent_has_no_results(cli, starter):
    result = cli("results", "newsletter", "--workspace", starter, "--now", NOW)
    assert result.code == 2
    assert "nothing of 'newsletter' was sent" in result.err


def test_webhooks_and_orders_become_figures(cli, starter):
    cli("run", "newsletter", "--workspace", starter, "--now", NOW)
    rows = cli("outbox", "list", "--workspace", starter).data["messages"]
    ids = {row["profile_id"]: row["message_id"] for row in rows}
    outbox = workspace_outbox(open_workspace(starter))
    at = NEXT_DAY.timestamp()
    told = [(Kind.DELIVERED, one) for one in ids.values()] + [(Kind.CLICKED, ids["p1"])]
    events = [
        Event(kind=kind, at=at + number, message_id=one, esp="sendgrid", event_id=f"e{number}")
        for number, (kind, one) in enumerate(told)
    ]
    outbox.feedback.record(events)
    outbox.feedback.record(events)
    data = cli("results", "newsletter", "--workspace", starter, "--now", "2026-11-22").data
    assert not data["simulated"]
    figures = data["totals"]
    assert (figures["sent"], figures["delivered"], figures["clicked"]) == (5, 5, 1)
    segments = {row["value"]: row["sent"] for row in data["breakdown"]["segment"]}
    assert segments == {"new": 2, "loyal": 1}


def test_simulated_results_say_so_and_are_the_same_every_time(cli, starter):
    cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--stub-esp")
    asked = ("results", "newsletter", "--workspace", starter, "--now", NOW, "--rehearsal", "--simulate")
    data = cli(*asked).data
    assert data == cli(*asked).data
    assert data["simulated"]
    assert any("Simulated" in note for note in data["notes"])
    assert data["totals"]["sent"] == 5
