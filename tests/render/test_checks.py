"""Each check finds what it is for, at its place, and is silent where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from render.checks import as_github, lint
from tests.render.kit import compiled, mjml, render, text

META = "".join(
    f'<meta name="{name}" content="light dark">' for name in ("color-scheme", "supported-color-schemes")
)
HEAD = f"<mj-raw>{META}</mj-raw>"
FOOT = text('<a href="{{ unsubscribe_url }}">Unsubscribe</a>')
GOOD = {"preheader": "Six things that we think you will like, and one for free"}
IMAGE = (
    '<mj-section><mj-column><mj-image src="https://img.example/{}.png"{} /></mj-column></mj-section>'.format
)

CASES = [
    ("pictures", IMAGE("{{ points }}", "") + FOOT, "has no alt"),
    ("links", text('<a href="http://shop.example">x</a>') + FOOT, "is not https"),
    ("links", text('<a href="#">x</a>') + FOOT, "leads nowhere"),
    ("links", text('<a href="https://shop.example">x</a> ' * 101) + FOOT, "102 links"),
    ("unsubscribe", text("x"), "no link to unsubscribe"),
    ("tables", text("<table><tr><td>x</td></tr></table>") + FOOT, "without a role"),
    ("clients", text('<div style="display: grid">x</div>') + FOOT, "display:grid does not work in"),
    ("clients", text("<video></video>") + FOOT, "does not work in"),
    ("size", text("word " * 20_000) + FOOT, "Gmail cuts off"),
    ("leftovers", text("{{ first_name | fallback('x') }}") + FOOT, "is left in the mail"),
]


@pytest.mark.parametrize(("check", "body", "what"), CASES)
def test_it_is_found(tmp_path: Path, check: str, body: str, what: str) -> None:
    campaign = compiled(tmp_path, mjml(body, head=HEAD), campaign=GOOD)
    found = lint(campaign, mails=render(campaign, {"first_name": "{{ x }}"}))
    assert [finding for finding in found if finding.check == check and what in finding.what], found
    assert all(finding.at.file == "templates/t/template.mjml" for finding in found)


def test_a_good_mail_has_no_findings(tmp_path: Path) -> None:
    body = IMAGE("1", ' alt="A cap"') + text('<a href="https://shop.example">Shop</a>') + FOOT
    campaign = compiled(tmp_path, mjml(body, head=HEAD), campaign=GOOD)
    assert lint(campaign, mails=render(campaign, {})) == ()


def test_findings_have_file_line_and_a_form_for_github(tmp_path: Path) -> None:
    campaign = compiled(
        tmp_path, mjml("\n\n" + text('<b style="display: grid">x</b>') + FOOT, head=HEAD), campaign=GOOD
    )
    (finding,) = lint(campaign, mails=render(campaign, {}))
    assert (finding.at.line, finding.level) == (4, "warning")
    assert as_github([finding]).startswith("::warning file=templates/t/template.mjml,line=4,")


def test_head_and_preheader(tmp_path: Path) -> None:
    source = mjml(FOOT).replace("<mj-title>{{ subject }}</mj-title>", "")
    campaign = compiled(tmp_path, source, campaign={"preheader": "short"})
    checks = [(finding.check, finding.level) for finding in lint(campaign, mails=render(campaign, {}))]
    assert checks == [
        ("document", "error"),
        ("preheader", "warning"),
        ("dark_mode", "warning"),
        ("dark_mode", "warning"),
    ]


def test_the_language_comes_by_itself(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, mjml(FOOT, head=HEAD), campaign=GOOD)
    (mail,) = render(campaign, {"locale": "nb_NO"})
    assert b'<html lang="nb-NO"' in mail["html"]
    assert not [finding for finding in lint(campaign) if finding.check == "document"]
    broken = replace(
        campaign, template=replace(campaign.template, inlined='<html lang="und" dir="auto"><title>x</title>')
    )
    assert [finding.what for finding in lint(broken) if finding.check == "document"] == [
        "the mail does not say its language"
    ]
