"""The pages that say whether it worked: what was sent, experiments, lift, figures, CSV and JSON."""

from __future__ import annotations

import csv
import io
import re

import pytest
from starlette.testclient import TestClient

from mailwright.cli.commands.run import run
from preview_server import PreviewSettings, create_app
from tests.cli.conftest import NOW
from tests.cli.tested_shop import write_shop

SIMULATED = "/results/newsletter?of=rehearsal&simulate=1"
TESTED = """\
experiments:
  s: { arms: { plain: {}, "<b>loud": { subject: New } } }
holdout: { share: 0.1 }
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    shop = write_shop(tmp_path_factory.mktemp("results") / "shop", TESTED)
    for occasion, now in (("first", NOW), ("second", "2026-11-22T09:00:00Z")):
        run(
            campaign="newsletter",
            workspace=shop,
            now=now,
            occasion=occasion,
            workers=1,
            stub_esp=True,
            json=True,
        )
    settings = PreviewSettings(workers=1, watch=False)
    with TestClient(create_app(shop, settings=settings), base_url="http://127.0.0.1:8787") as made:
        yield made


def test_the_overview_names_what_was_sent_and_what_was_rehearsed(pages):
    page = pages.get("/results")
    assert page.status_code == 200
    assert "Rehearsed with the stub ESP" in page.text
    assert "/results/newsletter?of=rehearsal" in page.text
    assert 'href="/results" aria-current="page"' in page.text


def test_a_campaign_s_page_has_its_verdict_its_lift_and_says_what_is_simulated(pages):
    page = pages.get(SIMULATED).text
    assert "Simulated." in page
    assert "Experiment s" in page
    assert "Not enough" in page
    assert "Lift against the holdout" in page
    assert "&lt;b&gt;loud" in page
    assert "<b>loud" not in page


def test_a_rehearsal_says_that_nobody_was_mailed(pages):
    page = pages.get("/results/newsletter?of=rehearsal").text
    assert "nobody was mailed" in page
    assert re.search(r"As of \d+ \w{3} \d{4}, \d\d:\d\d UTC\.", page)


@pytest.mark.parametrize("by", ["block", "arm", "source", "position", "variant"])
def test_the_figures_can_be_split(pages, by):
    page = pages.get(f"{SIMULATED}&by={by}").text
    assert 'aria-current="true"' in page
    assert '<svg class="interval"' in page


def test_csv_and_json_are_the_same_results(pages):
    data = pages.get("/results/newsletter.json?of=rehearsal&simulate=1").json()
    answer = pages.get("/results/newsletter.csv?of=rehearsal&simulate=1")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert int(rows[0]["sent"]) == data["totals"]["sent"]
    assert data["simulated"]
    assert data["lift"]["held_out"] > 0


def test_blocks_and_arms_are_shown_over_time(pages):
    page = pages.get(f"{SIMULATED}&by=block").text
    assert 'id="time"' in page
    assert "by the day of sending" in page
    assert page.count('<polyline points="0.0,') >= 2
    assert ">2026-11-20</th>" in page
    assert ">2026-11-22</th>" in page
    assert "&lt;b&gt;loud" in pages.get(f"{SIMULATED}&by=arm").text.partition('id="time"')[2]
    one = pages.get(f"{SIMULATED}&occasion=first").text
    assert 'id="time"' not in one
    data = pages.get("/results/newsletter.json?of=rehearsal&simulate=1").json()["over_time"]
    answer = pages.get("/results/newsletter/over-time.csv?of=rehearsal&simulate=1")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    blocks = [row for row in rows if row["dimension"] == "block"]
    assert len(blocks) == len(data["rows"]["block"]) >= 2


def test_results_are_reckoned_once_until_something_comes(pages, monkeypatch):
    from mailwright.outboxes import workspace_outbox
    from mailwright.workspace import open_workspace
    from preview.views import results as view
    from send.event import Event, Kind

    reckoned = []
    real = view.campaign_results

    def counted(*args, **options):
        reckoned.append(options)
        return real(*args, **options)

    monkeypatch.setattr(view, "campaign_results", counted)
    address = "/results/newsletter{}?of=rehearsal&occasion=second"
    before = pages.get(address.format(".json")).json()["totals"]["clicked"]
    pages.get(address.format(""))
    pages.get(address.format(".csv"))
    assert len(reckoned) == 1
    outbox = workspace_outbox(open_workspace(pages.app.state.desk.root), rehearsal=True)
    message = outbox.operators.messages(limit=1000)[-1]
    at = pages.app.state.desk.ground().now.timestamp() - 1
    outbox.feedback.record(
        [Event(kind=Kind.CLICKED, at=at, message_id=message.message_id, esp="sendgrid", event_id="e")]
    )
    outbox.close()
    after = pages.get(address.format(".json")).json()["totals"]["clicked"]
    assert len(reckoned) == 2
    assert after == before + 1


def test_nothing_sent_is_said_and_no_store_is_made(pages, tmp_path):
    assert pages.get("/results/newsletter").status_code == 404
    shop = write_shop(tmp_path / "shop", "")
    settings = PreviewSettings(workers=1, watch=False)
    with TestClient(create_app(shop, settings=settings), base_url="http://127.0.0.1:8787") as fresh:
        assert "Nothing has been sent" in fresh.get("/results").text
    assert not (shop / ".mailwright" / "outbox.db").exists()
    assert not (shop / ".mailwright" / "rehearsal.db").exists()


def test_the_mail_s_page_says_its_arm_and_shows_the_others(pages):
    page = pages.get("/c/newsletter/mail?id=p1").text
    assert "experiment s" in page
    plain = pages.get("/c/newsletter/mail?id=p1&arm.s=plain").text
    loud = pages.get("/c/newsletter/mail", params={"id": "p1", "arm.s": "<b>loud"}).text
    assert "Hello Name1" in plain
    assert "Hello Name1" not in loud
    assert pages.get("/c/newsletter/mail?id=p1&arm.s=nope").status_code == 404
