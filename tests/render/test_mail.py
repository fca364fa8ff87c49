"""A mail is made: blocks, values, links, text, headers, trace."""

from __future__ import annotations

import pickle
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from mailwright.model.message import Skeleton
from render import choose_blocks, explain_row, render_frame
from render.batch import row_columns
from render.rows import batch_rows
from render.skeleton import Splitter
from render.verify import verify
from tests.render.kit import NOW, chosen, compiled, context, frame, mjml, only, recommended, render, text

VIP = "---\nslot: hero\nwhen: segment('vip')\npriority: 10\n---\n" + text("Dear {{ colour }}, our best")
PLAIN = "---\nslot: hero\n---\n" + text("Hello {{ first_name | fallback('there') }}")
GRID = "---\nslot: picks\nneeds: [len(recommendations) >= 2]\n---\n" + (
    "<mj-section><mj-column>{% for item in recommendations %}{% card item %}{% endfor %}"
    "</mj-column></mj-section>"
)
CARD = (
    '<mj-image src="{{ item.image }}" alt="{{ item.title }}"'
    ' href="https://shop.example/{{ item.item_id }}?r={{ profile_id }}" />'
    "<mj-text>{{ item.title }} {{ item.price | money(item.currency) }} {{ item.reason }}</mj-text>"
)
BLOCKS = {"vip": VIP, "plain": PLAIN, "grid": GRID, "cards/product": CARD}
TEMPLATE = mjml(
    '{% slot "hero" %}{% slot "picks" optional %}' + text('<a href="{{ unsubscribe_url }}">Stop</a>')
)


def test_each_profile_gets_the_best_block_it_may_have(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    vip, other = render(campaign, {"segment:vip": True, "colour": "Ada"}, {"first_name": None})
    assert b"Dear Ada, our best" in vip["html"]
    assert b"Hello there" in other["html"]
    assert (vip["variant"], other["variant"]) == ("hero=vip;picks=-", "hero=plain;picks=-")


@pytest.mark.parametrize("inliner", ["premailer", "css-inline"])
def test_a_mail_begins_with_its_doctype(tmp_path: Path, inliner: str) -> None:
    (mail,) = render(compiled(tmp_path, TEMPLATE, BLOCKS, inliner=inliner), {"first_name": "Ada"})
    assert mail["html"].lower().startswith(b"<!doctype html>")


def test_a_block_that_fails_falls_to_the_next_and_the_trace_says_why(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    (mail,) = render(campaign, {"segment:vip": True, "colour": None})
    assert b"Hello there" in mail["html"]
    assert b"our best" not in mail["html"]
    slot, block, why = orjson.loads(mail["trace"])["failed"][0]
    assert (slot, block) == ("hero", "vip")
    assert "blocks/vip.mjml:6:" in why


def test_a_tag_that_fails_names_its_own_line(tmp_path: Path) -> None:
    rest = text("Hello {{ first_name | fallback('there') }}")
    odd = f"---\nslot: hero\npriority: 5\n---\n{rest}\n\n{{% if 10 // points > 3 %}}\n{rest}\n{{% endif %}}\n"
    campaign = compiled(tmp_path, TEMPLATE, {**BLOCKS, "odd": odd})
    (mail,) = render(campaign, {"points": 0})
    assert orjson.loads(mail["trace"])["failed"][0][1:] == [
        "odd",
        "blocks/odd.mjml:7:4: integer division or modulo by zero",
    ]


def test_a_failed_block_leaves_nothing_but_its_reason(tmp_path: Path) -> None:
    late = "---\nslot: picks\npriority: 5\n---\n" + text("{{ first_name | fallback('there') }} {{ colour }}")
    campaign = compiled(tmp_path, TEMPLATE, {**BLOCKS, "late": late})
    (mail,) = render(campaign, {"recommendations": recommended("i1", "i2")})
    trace = orjson.loads(mail["trace"])
    assert trace["slots"] == {"hero": "plain", "picks": "grid"}
    assert [failed[:2] for failed in trace["failed"]] == [["picks", "late"]]
    assert trace["fallbacks"] == [["first_name", "there"]]


def test_cards_show_catalogue_and_recommendation_each_in_its_own_mail(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    ada, bob = render(
        campaign, {"recommendations": recommended("i1", "i2")}, {"recommendations": recommended("i2", "i3")}
    )
    assert b"Cap &lt;1&gt; &amp; co &#8364;11.00 many like it" in ada["html"]
    assert b"https://shop.example/i2?r=p0" in ada["html"]
    assert b"p1" not in ada["html"]
    assert b"https://shop.example/i2?r=p1" in bob["html"]


def test_the_text_part_has_the_same_words_and_links(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    (mail,) = render(campaign, {"first_name": "Ada & Bob", "recommendations": recommended("i1", "i2")})
    assert mail["text"].startswith("Hello Ada & Bob\n\n")
    assert "Cap <1> & co (https://shop.example/i1?r=p0)" in mail["text"]
    assert "Cap <1> & co €11.00 many like it" in mail["text"]
    assert f"Stop ({dict(mail['headers'])['List-Unsubscribe'][1:-1]})" in mail["text"]


def test_subject_preheader_and_headers(tmp_path: Path) -> None:
    spec = {"subject": "{{ first_name | fallback('You') }}, 20% & more", "preheader": "From {{ brand.name }}"}
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS, campaign=spec)
    (mail,) = render(campaign, {"first_name": "Zoë"})
    assert mail["subject"] == "Zoë, 20% & more"
    assert mail["preheader"] == "From Shop & Co"
    assert b"<title>Zo&#235;, 20% &amp; more</title>" in mail["html"]
    headers = dict(mail["headers"])
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert context().signer.read(
        "unsubscribe", headers["List-Unsubscribe"].rstrip(">").rsplit("/", 1)[1]
    ) == (
        "p0",
        "spring",
        "2026",
    )


@pytest.mark.parametrize("name", ["Ada\r\nBcc: x@example.com", "Ada\u2028x", "a\x00b"])
def test_a_line_break_never_enters_a_subject(tmp_path: Path, name: str) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS, campaign={"subject": "{{ colour }}"})
    (mail,) = render(campaign, {"colour": name})
    assert (mail["status"], mail["reason"]) == ("skipped", "render_failed")
    assert "line break" in mail["detail"]


def test_a_stray_line_break_at_the_end_of_a_name_costs_nobody_a_mail(tmp_path: Path) -> None:
    spec = {"subject": "{{ first_name | fallback('you') }}, hello", "preheader": "{{ colour }}"}
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS, campaign=spec)
    (mail,) = render(campaign, {"first_name": "Ada\r\n", "colour": "\n blue "})
    assert (mail["subject"], mail["preheader"]) == ("Ada, hello", "blue")


def test_the_text_part_names_a_thing_once_where_picture_and_title_lead_to_it(tmp_path: Path) -> None:
    link = "https://shop.example/{{ item.item_id }}?r={{ profile_id }}"
    card = (
        f'<mj-image src="{{{{ item.image }}}}" alt="{{{{ item.title }}}}" href="{link}" />'
        f'<mj-text><a href="{link}">{{{{ item.title }}}}</a></mj-text>'
        "<mj-text>Yes</mj-text><mj-text>Yes</mj-text>"
    )
    campaign = compiled(tmp_path, TEMPLATE, {**BLOCKS, "cards/product": card})
    run = context()
    (mail,) = render(campaign, {"recommendations": recommended("i1", "i2")}, run=run)
    assert mail["text"].count("Cap <1> & co (https://shop.example/i1?r=p0)") == 1
    assert mail["html"].count(b"https://shop.example/i1?r=p0") == 2
    assert mail["text"].count("Yes") == 4, "only links are named once"
    rows = chosen(campaign, frame({"recommendations": recommended("i1", "i2")}))
    (row,) = batch_rows(rows.to_batches()[0], row_columns(campaign), run.catalogue)
    found = Splitter(campaign, run).split(row, mail)
    assert found is not None
    assert Skeleton.fill(found[0].text, found[1]) == mail["text"]
    assert verify(campaign, run, rows).differences == ()
    assert campaign.text.source.count("'title'") == 1, "what is said twice in every mail is compiled once"


@pytest.mark.parametrize(
    ("alt", "href", "times"),
    [
        ("{{ item.title }}", "{{ item.item_id }}", 1),
        ("Our {{ item.title }}", "{{ item.item_id }}", 2),
        ("{{ item.title }}", "{{ item.item_id }}/{{ profile_id }}", 2),
        ("{{ item.title }}{% set n = 1 %}", "{{ item.item_id }}", 1),
    ],
)
def test_links_that_differ_are_both_in_the_text_part(tmp_path: Path, alt: str, href: str, times: int) -> None:
    card = (
        f'<mj-image src="{{{{ item.image }}}}" alt="{alt}" href="https://shop.example/{href}" />'
        '<mj-text><a href="https://shop.example/{{ item.item_id }}">{{ item.title }}</a></mj-text>'
    )
    campaign = compiled(tmp_path, TEMPLATE, {**BLOCKS, "cards/product": card})
    (mail,) = render(campaign, {"recommendations": recommended("i1", "i2")})
    assert mail["text"].count("Cap <1> & co") == times


@pytest.mark.parametrize(("between", "times"), [(" ", 1), ("", 2), ("<br/>", 2)])
def test_links_that_a_blank_tells_apart_are_both_in_the_text_part(
    tmp_path: Path, between: str, times: int
) -> None:
    words = ("{{ item.title }} {{ item.price }}", "{{ item.title }}" + between + "{{ item.price }}")
    links = (f'<a href="https://shop.example/{{{{ item.item_id }}}}">{one}</a>' for one in words)
    card = "".join(f"<mj-text>{link}</mj-text>" for link in links)
    campaign = compiled(tmp_path, TEMPLATE, {**BLOCKS, "cards/product": card})
    (mail,) = render(campaign, {"recommendations": recommended("i1", "i2")})
    assert mail["text"].count("Cap <1> & co") == times


@pytest.mark.parametrize("inliner", ["premailer", "css-inline"])
@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="display: none">{% set n = "b" %}{{ n }} unseen</p>',
        '<p style="display: none">{% if colour %}<b>{% set n = "b" %}</b>unseen{% endif %}</p>',
    ],
)
def test_what_is_set_where_nothing_is_seen_is_set_in_the_text_part_too(
    tmp_path: Path, hidden: str, inliner: str
) -> None:
    link = '<p><a href="https://shop.example/{{ n }}">Look</a></p>'
    body = text('<p>{% set n = "a" %}</p>' + link + hidden + link)
    campaign = compiled(tmp_path, mjml(body), inliner=inliner)
    (mail,) = render(campaign, {"colour": "red"})
    assert mail["text"] == "Look (https://shop.example/a)\n\nLook (https://shop.example/b)\n"
    assert verify(campaign, context(), chosen(campaign, frame({"colour": "red"}))).differences == ()


def test_abort_skips_the_mail_with_its_reason(tmp_path: Path) -> None:
    template = mjml(text("{% if not recommendations %}{{ abort('nothing to show') }}{% endif %}x"))
    campaign = compiled(tmp_path, template)
    (mail,) = render(campaign, {})
    assert (mail["status"], mail["reason"], mail["detail"]) == ("skipped", "aborted", "nothing to show")


ABORT = "{% if points > 3 %}{{ abort('too many points') }}{% endif %}"


@pytest.mark.parametrize(
    "body",
    [
        ABORT + text("x"),
        f"<mj-section>{ABORT}<mj-column width='100%'><mj-text>x</mj-text></mj-column></mj-section>",
        f"<mj-section><mj-column>{ABORT}<mj-text>x</mj-text></mj-column></mj-section>",
        text("<table><tr>" + ABORT + "<td>x</td></tr></table>"),
        '{% slot "hero" %}',
    ],
)
def test_abort_may_stand_between_elements(tmp_path: Path, body: str) -> None:
    campaign = compiled(tmp_path, mjml(body), {"hero": f"---\nslot: hero\n---\n{ABORT}{text('x')}"})
    people = ({"points": 4}, {"points": 3})
    aborted, rendered = render(campaign, *people)
    assert (aborted["reason"], aborted["detail"]) == ("aborted", "too many points")
    assert rendered["text"].strip() == "x"
    assert verify(campaign, context(), chosen(campaign, frame(*people)), sample=5).equal


def test_any_number_of_workers_gives_the_same_bytes_in_order(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    rows = chosen(
        campaign,
        frame(
            *({"first_name": f"N{n}", "recommendations": recommended("i1", f"i{n % 9}")} for n in range(1300))
        ),
    )
    one = pa.Table.from_batches(render_frame(campaign, context(), rows))
    seen: list[int] = []
    two = pa.Table.from_batches(
        render_frame(campaign, context(), rows, workers=2, progress=lambda done, _: seen.append(done))
    )
    assert one.equals(two)
    assert one["profile_id"].to_pylist() == rows["profile_id"].to_pylist()
    assert seen[-1] == 1300


def test_a_compiled_campaign_survives_pickling_with_its_fingerprint(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    copy = pickle.loads(pickle.dumps(campaign))  # noqa: S301 our own bytes
    assert copy.fingerprint == campaign.fingerprint
    assert only(copy, first_name="Ada") == only(campaign, first_name="Ada")


def test_mjml_and_inlining_run_once_and_then_never_again(tmp_path: Path) -> None:
    first = compiled(tmp_path, TEMPLATE, BLOCKS, cache=tmp_path / "cache")
    again = compiled(tmp_path, TEMPLATE, BLOCKS, cache=tmp_path / "cache")
    assert (first.stats.mjml_runs, first.stats.inline_runs, first.stats.cached) == (1, 1, False)
    assert (again.stats.mjml_runs, again.stats.inline_runs, again.stats.cached) == (0, 0, True)
    assert again.fingerprint == first.fingerprint
    for kept in (tmp_path / "cache").iterdir():
        kept.write_bytes(kept.read_bytes().replace(b"Stop", b"Stip"))
    assert not compiled(tmp_path, TEMPLATE, BLOCKS, cache=tmp_path / "cache").stats.cached


def test_the_fingerprint_changes_with_any_block(tmp_path: Path) -> None:
    before = compiled(tmp_path, TEMPLATE, BLOCKS)
    after = compiled(tmp_path, TEMPLATE, {**BLOCKS, "plain": PLAIN.replace("Hello", "Hi")})
    assert before.fingerprint != after.fingerprint


def test_variants_are_counted_without_rendering(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    choices = choose_blocks(campaign, frame({"segment:vip": True}, {}, {}), now=NOW)
    assert choices.variants == {"hero=plain;picks=-": 2, "hero=vip;picks=-": 1}
    assert choices.columns["slot:hero"].to_pylist() == ["vip", "plain", "plain"]
    assert pa.types.is_dictionary(choices.columns["slot:hero"].type)


def test_the_whole_trace_names_each_candidate(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    (row,) = chosen(campaign, frame({"recommendations": recommended("i1")})).to_pylist()
    trace = explain_row(campaign, context(), row)
    hero, picks = trace.slots
    assert [(c.block, c.verdict) for c in hero.candidates] == [("vip", "condition"), ("plain", "chosen")]
    assert picks.candidates[0].verdict == "needs"
    assert picks.block is None
    (use,) = trace.fallbacks
    assert (use.expression, use.shown) == ("first_name", "there")
    assert use.where.startswith("blocks/plain.mjml:4:")
    assert trace.recommendations[0].item_id == "i1"
