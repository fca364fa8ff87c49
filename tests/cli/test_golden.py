"""``mailwright test``: what authors accepted, in the example shop and when somebody changes a block."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"


@pytest.fixture
def shop(tmp_path):
    """The example shop without its data: its tests need none."""
    copy = tmp_path / "shop"
    shutil.copytree(
        SHOP, copy, ignore=shutil.ignore_patterns("data", "out", "assets", ".mailwright", "maker")
    )
    return copy


def test_the_mails_of_the_example_shop_are_what_they_were(cli, shop):
    done = cli("test", "--workspace", shop)
    assert done.code == 0, [result["diff"] for result in done.data["results"]]
    assert done.data["tests"] == done.data["passed"] >= 4


def test_a_changed_block_fails_readably_until_it_is_accepted(cli, shop, tmp_path):
    block = shop / "blocks" / "hero" / "edition.mjml"
    block.write_text(block.read_text().replace("See what came in", "Come in"))
    report = tmp_path / "out" / "junit.xml"
    done = cli("test", "newsletter-stranger", "newsletter-loyal", "--workspace", shop, "--junit", report)
    assert done.code == 1
    loyal, stranger = done.data["results"]
    assert loyal["passed"], "another block"
    assert "+Come in (https://" in stranger["diff"]
    assert "+'Come in" in stranger["diff"]
    suite = ElementTree.fromstring(report.read_text())  # noqa: S314 our own text
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert cli("test", "newsletter-stranger", "--workspace", shop, "--update").data["updated"] == 1
    assert cli("test", "newsletter-stranger", "--workspace", shop).code == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("profile: { first_nam: Ada }", "case.yaml:3"),
        ("campaign: newsleter", "newsletter"),
        ("recommendations: [hat]", "does not say what the item 'hat' is"),
        ("profile: { points: many }", "points"),
        ("segments: [gold_clb]", "gold_club"),
        ("arms: { subjct: edition }", "subject"),
        ("arms: { subject: editon }", "edition"),
    ],
)
def test_what_a_case_has_wrong_is_said_at_its_line(cli, shop, wrong, said):
    folder = shop / "tests" / "odd"
    folder.mkdir()
    lines = {"campaign": "campaign: newsletter", "now": "now: 2026-11-20T09:00:00Z"}
    lines[wrong.split(":")[0]] = wrong
    (folder / "case.yaml").write_text("\n".join(lines.values()) + "\n")
    done = cli("test", "odd", "--workspace", shop, "--update")
    assert done.code == 1
    (result,) = done.data["results"]
    assert said in result["diff"]
    assert "tests/odd/case.yaml" in result["diff"]
    assert [path.name for path in folder.iterdir()] == ["case.yaml"], "nothing is accepted"


def test_no_test_is_a_wrong_use(cli, shop):
    assert cli("test", "newsletter-strange", "--workspace", shop).code == 2
    shutil.rmtree(shop / "tests")
    assert cli("test", "--workspace", shop).code == 2
