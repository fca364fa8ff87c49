"""The contact sheet shows every fallback too, as soon as everybody has been rendered."""

import re
import shutil
import time

import pytest
from starlette.testclient import TestClient

from preview_server import PreviewSettings, create_app

GAP = "<mj-text>{{ city | fallback('where you are') }}, {{ last_name | fallback('you') }}</mj-text>"


@pytest.fixture
def client(shop, tmp_path):
    """A preview of a copy of the shop in which the block that most people get shows two fallbacks."""
    folder = shutil.copytree(shop, tmp_path / "shop")
    for block in (folder / "blocks" / "hero").glob("*.mjml"):
        block.write_text(re.sub(r"(<mj-column>)", rf"\1{GAP}", block.read_text(), count=1))
    app = create_app(folder, settings=PreviewSettings(workers=1, watch=False))
    with TestClient(app, base_url="http://127.0.0.1:8787") as made:
        yield made


def test_every_fallback_that_a_mail_shows_is_on_the_sheet(client):
    desk, passes = client.app.state.desk, client.app.state.passes
    desk.view("newsletter")
    running = passes.of(desk.view("newsletter").plan)
    end = time.monotonic() + 60
    while running.exact is None:
        assert running.error is None
        assert time.monotonic() < end
        time.sleep(0.05)
    page = client.get("/c/newsletter/sheet").text
    assert "every block and every fallback" in page
    assert 'id="waiting"' not in page
    plan = desk.view("newsletter").plan
    rows = {row["profile_id"]: row for row in plan.recipients.to_pylist()}
    proofs = re.split(r'<li class="proof">', page)[1:]
    for missing in ("city", "last_name"):
        assert any(row[missing] is None for row in rows.values())
        shown = [proof for proof in proofs if f">no {missing}<" in proof]
        assert shown
        assert 'class="fresh" title="missing: its fallback is shown"' in shown[0]
        for proof in shown:
            who = re.search(r"mail\?id=([\w-]+)", proof)[1]
            assert rows[who][missing] is None


def test_the_sheet_says_that_fallbacks_follow_and_loads_itself_when_they_are_there(client, monkeypatch):
    passes = client.app.state.passes
    monkeypatch.setattr(passes, "_run", lambda *_: None)
    client.app.state.desk.view("newsletter")
    page = client.get("/c/newsletter/sheet").text
    assert "follow when every mail is rendered" in page
    running = next(iter(passes._passes.values()))
    asked = {"hx-request": "true"}
    assert "hx-retarget" not in client.get("/c/newsletter/sheet", headers=asked).headers
    running.error = "it stopped"
    assert client.get("/c/newsletter/sheet", headers=asked).headers["hx-retarget"] == "#main"
