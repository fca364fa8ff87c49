"""Parameters and counted clicks: on links that somebody follows, and never on the workspace's own."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.model.identity import message_id
from mailwright.model.tracking import LinkSpec, Tagger
from render.verify import verify
from tests.render.kit import chosen, compiled, context, frame, mjml, recommended, render, text
from tests.render.test_skeleton import kinds, split

UTM = {"parameters": {"utm_source": "letter", "utm_campaign": "{campaign} & co"}}
TEMPLATE = mjml(
    text(
        '<a href="https://shop.example/sale?x=1#top">Sale</a> <a href="mailto:a@shop.example">us</a> '
        '<a href="#top">up</a> <a href="https://shop.example/?utm_source=own">own</a> '
        '<a href="{{ website | fallback("https://shop.example/none") }}">yours</a> '
        '<a href="https://shop.example/{{ colour | fallback("x") }}?q={{ first_name | fallback("") }}">c</a>'
    )
    + '<mj-section><mj-column><mj-image href="https://shop.example/p" src="https://img.example/p.png" />'
    + '{% for item in recommendations %}<mj-button href="{{ item.url }}">{{ item.title }}</mj-button>'
    + "{% endfor %}"
    + "</mj-column></mj-section>"
    + text(
        '<a href="{{ unsubscribe_url }}">Stop</a> <a href="{{ preferences_url }}">Choose</a> '
        '<a href="{{ view_url }}">View</a>'
    )
)
PEOPLE: list[dict[str, Any]] = [
    {
        "website": "https://other.example/a b?c=d&e=f",
        "colour": "blå",
        "recommendations": recommended("i1", "i2"),
    },
    {"website": None, "first_name": "Ada & Bob", "recommendations": recommended("i2")},
]


def hrefs(html: bytes) -> list[str]:
    return [unescape(link) for link in re.findall(r'<a\b[^>]*?href="([^"]*)"', html.decode())]


def test_every_link_that_is_followed_gets_the_parameters_it_lacks(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, links=UTM)
    ada, _ = render(campaign, *PEOPLE)
    links = hrefs(ada["html"])
    assert "https://shop.example/sale?x=1&utm_source=letter&utm_campaign=spring%20%26%20co#top" in links
    assert "https://shop.example/?utm_source=own&utm_campaign=spring%20%26%20co" in links
    assert {"mailto:a@shop.example", "#top"} <= set(links)
    for link in links:
        parts = urlsplit(link)
        if parts.hostname in ("shop.example", "other.example"):
            assert parse_qs(parts.query)["utm_campaign"] == ["spring & co"], link
            assert link in ada["text"]
        elif parts.hostname == "mail.example":
            assert not parts.query
    assert b"p.png?" not in ada["html"]


def test_only_the_hosts_that_are_named_get_them(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, links={**UTM, "domains": ["shop.example"]})
    ada, _ = render(campaign, *PEOPLE)
    (other,) = [link for link in hrefs(ada["html"]) if "other.example" in link]
    assert "utm_" not in other


def test_a_campaign_s_own_lie_over_the_workspace_s(tmp_path: Path) -> None:
    spec = {"links": {"parameters": {"utm_source": "spring-letter"}}}
    campaign = compiled(tmp_path, TEMPLATE, campaign=spec, links=UTM)
    ada, _ = render(campaign, *PEOPLE)
    assert b"utm_source=spring-letter" in ada["html"]
    assert b"utm_source=letter" not in ada["html"]


def test_a_counted_click_goes_on_to_the_tagged_link_and_is_the_mail_s_own(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, links={**UTM, "clicks": True})
    run = context()
    for number, mail in enumerate(render(campaign, *PEOPLE, run=run)):
        links = hrefs(mail["html"])
        clicks = [link for link in links if link.startswith("https://mail.example/c/")]
        assert len(clicks) == 5 + len(PEOPLE[number]["recommendations"])
        for link in clicks:
            payload = run.signer.read("click", link.rsplit("/", 1)[1])
            assert payload is not None
            assert payload[0] == mail["message_id"] == message_id("spring", f"p{number}", "2026")
            assert "utm_source=" in payload[1]
            assert link in mail["text"]
        assert sum("/u/" in link or "/p/" in link or "/v/" in link for link in links) == 3
        assert {"mailto:a@shop.example", "#top"} <= set(links)


@pytest.mark.parametrize("clicks", [False, True])
@pytest.mark.parametrize("inliner", ["premailer", "css-inline"])
def test_the_compiled_links_are_those_of_the_slow_way(tmp_path: Path, clicks: bool, inliner: str) -> None:
    campaign = compiled(tmp_path, TEMPLATE, links={**UTM, "clicks": clicks}, inliner=inliner)
    found = verify(campaign, context(), chosen(campaign, frame(*PEOPLE)))
    assert not found.differences


def test_mails_with_counted_clicks_still_share_their_body(tmp_path: Path) -> None:
    people = [{"colour": "a", "recommendations": recommended("i1")}, {"recommendations": recommended("i2")}]
    found = split(tmp_path, TEMPLATE, *people, settings={"links": {**UTM, "clicks": True}})
    assert kinds(found) == 1


LINKS = st.one_of(
    st.text(max_size=30),
    st.builds(
        "{}://{}{}".format,
        st.sampled_from(["http", "https", "HTTPS", "mailto", "tel"]),
        st.sampled_from(["shop.example", "x.shop.example:80", "[::1", "evilshop.example", "a@shop.example"]),
        st.text(alphabet="/?#&=ab%[] å", max_size=12),
    ),
)


@given(link=LINKS)
@settings(deadline=None)
def test_a_tagged_link_keeps_all_that_it_had_and_is_tagged_once(link: str) -> None:
    spec = LinkSpec(parameters={"utm_source": "a b"}, domains=("shop.example",))
    tagger = Tagger.of(spec, "c", "https://mail.example")
    assert tagger is not None
    tagged = tagger.tagged(link)
    assert tagger.tagged(tagged) == tagged
    if tagged != link:
        before, after = link.partition("#")[0], tagged.partition("#")[0]
        assert after.startswith(before)
        assert after[len(before) :].lstrip("?&") == "utm_source=a%20b"
        assert tagged.partition("#")[2] == link.partition("#")[2]
