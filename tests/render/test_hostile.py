"""Hostile data are shown or dropped harmlessly everywhere, and nobody sees a neighbour's."""
# ruff: noqa: E501 cases read better on one line

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from tests.render.kit import compiled, context, mjml, recommended, render, text

HOSTILE = [
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "JAVASCRIPT&colon;alert(1)",
    " java\tscript:alert(1)",
    "data:text/html,<script>x</script>",
    "vbscript:x",
    "{{ 7 * 7 }}{% raw %}",
    "'; } body { display: none",
    "red; background: url(javascript:x)",
    "expression(alert(1))",
    "--><script>x</script><!--",
    "]]><![CDATA[",
    "\x00\x08\x1b[31m",
    "\u202egnp.exe",
    "&lt;b&gt;",
    "%22%3E%3Cscript%3E",
]
EVERYWHERE = mjml(
    text("{{ colour }}")
    + text('<a href="{{ colour }}" title="{{ colour }}">link</a>')
    + text('<a href="https://shop.example/{{ colour }}?q={{ colour }}#{{ colour }}">link</a>')
    + text("<!--[if mso]>{{ colour }}<![endif]-->x")
    + '<mj-section><mj-column><mj-image src="https://img.example/x.png" alt="{{ colour }}" />'
    '<mj-button href="https://shop.example/?{{ colour }}">{{ colour }}</mj-button></mj-column></mj-section>'
)
STYLED = mjml(
    text('<b style="color: {{ colour }}">x</b>') + '<mj-section background-color="{{ colour }}"></mj-section>'
)


def elements(html: bytes) -> list[str]:
    return [str(element.tag) for element in etree.fromstring(html, etree.HTMLParser()).iter()]


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory):
    return compiled(tmp_path_factory.mktemp("everywhere"), EVERYWHERE)


@pytest.fixture(scope="module")
def styled(tmp_path_factory: pytest.TempPathFactory):
    return compiled(tmp_path_factory.mktemp("styled"), STYLED)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_never_becomes_code(everywhere, value: str) -> None:
    (harmless,) = render(everywhere, {"colour": "plain"})
    (mail,) = render(everywhere, {"colour": value})
    if mail["status"] == "skipped":
        assert "link cannot start with" in mail["detail"]
        return
    assert elements(mail["html"]) == elements(harmless["html"])
    root = etree.fromstring(mail["html"], etree.HTMLParser())
    for name in ("href", "src"):
        for link in root.xpath(f"//@{name}"):
            scheme = re.match(r"\s*([a-zA-Z][\w+.-]*):", re.sub(r"[\x00-\x20]", "", link))
            assert scheme is None or scheme[1].lower() in ("https", "mailto"), link
    assert not root.xpath("//@onerror")
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f-\xff]", mail["html"])


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_never_becomes_style(styled, value: str) -> None:
    (mail,) = render(styled, {"colour": value})
    if mail["status"] == "skipped":
        assert "cannot stand in a style" in mail["detail"]
        return
    assert elements(mail["html"]) == elements(render(styled, {"colour": "red"})[0]["html"])
    styles = " ".join(etree.fromstring(mail["html"], etree.HTMLParser()).xpath("//@style"))
    assert "javascript" not in styles.lower()
    assert "expression(" not in styles


def test_what_is_in_the_text_is_as_it_was_given(everywhere) -> None:
    (mail,) = render(everywhere, {"colour": "https://x.example/?a=1&b='2'"})
    assert mail["status"] == "rendered"
    assert b"https://x.example/?a=1&amp;b=&#39;2&#39;" in mail["html"]
    assert "https://x.example/?a=1&b='2'" in mail["text"]


def test_too_much_work_ends_in_a_skip_not_in_a_wait(tmp_path: Path) -> None:
    loops = "{% for a in range(15000) %}{% for b in range(15000) %}{% endfor %}{% endfor %}"
    (mail,) = render(compiled(tmp_path, mjml(text(loops))), {})
    assert (mail["status"], mail["reason"]) == ("skipped", "render_failed")
    assert "rounds of loops" in mail["detail"]
    doubled = "{% set x = 'abcdefgh' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}"
    (mail,) = render(compiled(tmp_path, mjml(text(doubled))), {})
    assert "more than 100,000 characters" in mail["detail"]


def test_no_marker_of_a_neighbour_is_ever_in_a_mail(tmp_path: Path) -> None:
    card = text(
        '<a href="https://shop.example/{{ item.item_id }}?r={{ profile_id }}">{{ item.title }} {{ item.reason }}</a>'
    )
    body = '{% slot "hero" %}{% for item in recommendations %}{% card item %}{% endfor %}' + text(
        "{{ first_name | fallback('-') }} <a href='{{ unsubscribe_url }}'>stop</a> <a href='{{ view_url }}'>view</a>"
    )
    blocks = {
        "cards/product": card,
        "a": f"---\nslot: hero\npriority: 1\n---\n{text('{{ colour }} {{ website }}')}",
        "b": f"---\nslot: hero\n---\n{text('none')}",
    }
    spec = {
        "subject": "For {{ first_name | fallback('you') }}",
        "preheader": "{{ first_name | fallback('x') }}",
    }
    campaign = compiled(tmp_path, mjml(body), blocks, campaign=spec)
    people = []
    for n in range(150):
        marked = [{**one, "reason": f"reason-m{n}m"} for one in recommended("i1", f"i{n % 10}")]
        colour = f"colour-m{n}m" if n % 3 else None
        people.append(
            {
                "first_name": f"name-m{n}m",
                "colour": colour,
                "website": f"w-m{n}m" if n % 2 else None,
                "recommendations": marked,
            }
        )
    run = context()
    for n, mail in enumerate(render(campaign, *people, run=run)):
        assert mail["status"] == "rendered"
        everything = " ".join(
            [
                mail["html"].decode(),
                mail["text"],
                mail["subject"],
                mail["preheader"],
                mail["trace"].decode(),
                str(mail["headers"]),
            ]
        )
        assert set(re.findall(r"m(\d+)m", everything)) == {str(n)}
        signed = re.findall(r"/[uv]/([\w.-]+)", everything)
        assert signed
        assert {
            (run.signer.read("unsubscribe", t) or run.signer.read("view", t) or ("",))[0] for t in signed
        } == {f"p{n}"}
