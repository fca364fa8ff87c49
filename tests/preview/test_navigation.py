"""Pages are found by being there."""

import re
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from preview import PreviewSettings, navigation, paper, views
from preview.guard import Guard

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


@pytest.fixture
def documented(monkeypatch, tmp_path):
    """The page of docs/extending.md, its two files in folders that are looked into."""
    section = GUIDE.read_text().split("## A page of the preview")[1]
    code, page = re.findall(r"```(?:python|html)\n(.*?)```", section, re.S)
    (tmp_path / "opinions.py").write_text(code)
    (tmp_path / "opinions.html").write_text(page)
    monkeypatch.setattr(views, "__path__", [*views.__path__, str(tmp_path)])
    monkeypatch.setattr(paper, "FOLDERS", (*paper.FOLDERS, tmp_path))
    navigation.view_modules.cache_clear()
    yield
    navigation.view_modules.cache_clear()
    sys.modules.pop("preview.views.opinions", None)


@pytest.mark.usefixtures("documented")
def test_the_page_of_the_guide_is_one_of_the_preview(client):
    app = Starlette(
        routes=navigation.page_routes(), middleware=[Middleware(Guard, settings=PreviewSettings())]
    )
    app.state.desk = client.app.state.desk
    app.state.paper = paper.Paper(navigation.entries())
    app.state.workspace_name = lambda: "Shop"
    text = TestClient(app, base_url="http://127.0.0.1:8787").get("/opinions").text
    assert "<h1>Opinions</h1>" in text
    assert '<a href="/opinions" aria-current="page">Opinions</a>' in text


def test_entries_stand_in_their_order():
    assert [entry.label for entry in navigation.entries()][:2] == ["Campaigns", "Segments"]
