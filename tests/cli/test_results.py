"""``results``: what came of what was sent."""

from datetime import UTC, datetime

from mailwright.outboxes import workspace_outbox
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


def test_figures_come_day_by_day_and_as_pictures(cli, starter, tmp_path):
    for occasion, now in (("one", NOW), ("two", NEXT_DAY.isoformat())):
        cli("run", "newsletter", "--workspace", starter, "--now", now, "--occasion", occasion, "--stub-esp")
    asked = ("results", "newsletter", "--workspace", starter, "--now", NOW, "--rehearsal", "--simulate")
    out, plots = tmp_path / "out", tmp_path / "plots"
    data = cli(*asked, "--out", out, "--plots", plots).data
    assert data["over_time"]["days"] == 1
    for dimension in ("all", "segment", "block"):
        rows = data["over_time"]["rows"][dimension]
        assert {row["period"] for row in rows} == {"2026-11-20", "2026-11-21"}
    assert sum(row["sent"] for row in data["over_time"]["rows"]["all"]) == data["totals"]["sent"] == 10
    drawn = {path.name: path for path in plots.iterdir()}
    assert {"funnel.png", "segments.png", "blocks.png"} <= set(drawn)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn.values())
    named = {path for folder in (out, plots) for path in map(str, folder.iterdir())}
    assert set(data["files"]) == named
    assert (out / "over_time.csv").read_text().startswith("period,dimension,name,value,sent")
    weekly = cli(*asked, "--every", 7).data["over_time"]
    assert [row["period"] for row in weekly["rows"]["all"]] == ["2026-11-16"]
    shown = cli(*asked, plain=True).out
    assert "by day of sending" in shown
    assert "2026-11-21" in shown


def test_pictures_that_cannot_be_written_are_told(cli, starter, tmp_path):
    cli("run", "newsletter", "--workspace", starter, "--now", NOW, "--stub-esp")
    (tmp_path / "file").write_text("")
    asked = ("results", "newsletter", "--workspace", starter, "--now", NOW, "--rehearsal", "--simulate")
    result = cli(*asked, "--plots", tmp_path / "file")
    assert result.code == 1
    assert "cannot write the pictures" in result.err
