"""Mails of one skeleton share a body, and the body with its leaves is the mail byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailwright.model.message import Skeleton
from render.batch import MAILS, render_batch, row_columns
from render.grouped import Skeletons, render_grouped_batch
from render.rows import batch_rows
from render.skeleton import Splitter
from tests.render.kit import chosen, compiled, context, frame, mjml, recommended, render, text
from tests.render.test_mail import BLOCKS, TEMPLATE

PEOPLE = [
    {"first_name": "Ada & <Bob>", "recommendations": recommended("i1", "i2")},
    {"first_name": "Zoë", "recommendations": recommended("i3", "i4")},
    {"segment:vip": True, "colour": "red"},
    {"segment:vip": True, "colour": None},
    {"first_name": None, "recommendations": recommended("i3", "i4", "i5")},
]


def test_body_and_leaves_are_the_mail(tmp_path: Path) -> None:
    campaign = compiled(
        tmp_path, TEMPLATE, BLOCKS, campaign={"subject": "For {{ first_name | fallback('you') }}"}
    )
    run = context()
    mails = render(campaign, *PEOPLE, run=run)
    (batch,) = chosen(campaign, frame(*PEOPLE)).to_batches()
    splitter = Splitter(campaign, run)
    skeletons = []
    for row, mail in zip(batch_rows(batch, row_columns(campaign), run.catalogue), mails, strict=True):
        found = splitter.split(row, mail)
        assert found is not None
        skeleton, leaves = found
        assert Skeleton.fill(skeleton.html, leaves) == mail["html"].decode()
        assert Skeleton.fill(skeleton.text, leaves) == mail["text"]
        assert Skeleton.fill(skeleton.subject, leaves) == mail["subject"]
        assert {n: Skeleton.fill(h, leaves) for n, h in skeleton.headers.items()} == dict(mail["headers"])
        body = "".join(str(part) for part in (*skeleton.html, *skeleton.text))
        assert not [leaf for leaf in leaves if len(leaf) > 4 and leaf in body]
        skeletons.append(skeleton)
    assert skeletons[0] is skeletons[1]  # another name, other items: the same body
    assert len({skeleton.fingerprint for skeleton in skeletons}) == 4


Found = list[tuple[Skeleton, tuple[str, ...]]]


def split(tmp_path: Path, template: str, *people: dict, settings: dict | None = None) -> Found:
    """Skeleton and leaves of each person's mail; each of them fills to the mail that was rendered."""
    campaign = compiled(tmp_path, template, **settings or {})
    run = context()
    (batch,) = chosen(campaign, frame(*people)).to_batches()
    grouped = render_grouped_batch(campaign, run, batch)
    assert grouped.select(MAILS.names).equals(render_batch(campaign, context(), batch))
    found = []
    rows = grouped.drop_columns(["skeleton"]).to_pylist()
    for row, skeleton in zip(rows, Skeletons().read(grouped["skeleton"]), strict=True):
        assert skeleton is not None
        assert Skeleton.fill(skeleton.html, row["leaves"]) == row["html"].decode()
        assert Skeleton.fill(skeleton.text, row["leaves"]) == row["text"]
        assert Skeleton.fill(skeleton.subject, row["leaves"]) == row["subject"]
        found.append((skeleton, tuple(row["leaves"])))
    return found


def kinds(found: Found) -> int:
    return len({skeleton.fingerprint for skeleton, _ in found})


def test_a_choice_of_few_words_sets_no_mails_apart(tmp_path: Path) -> None:
    template = mjml(
        text(
            "Hello{% if first_name %} {{ first_name }}{% endif %}!"
            "{% for tag in tags or [] %} <b>{{ tag }}</b>{% endfor %}"
        )
        + text("Bye")
    )
    people = [{"first_name": "Ada", "tags": ["a", "b"]}, {"first_name": None}, {"tags": ["<c>"]}]
    assert kinds(split(tmp_path, template, *people)) == 1


def test_a_paragraph_that_only_some_have_sets_no_mails_apart(tmp_path: Path) -> None:
    """In the text part the break around it comes and goes with it, wherever it stands."""
    short = text("{% if colour %}<p>{{ colour }}</p>{% endif %}")
    people = [{"colour": "red"}, {"colour": None}, {"colour": "a  b"}]
    for template in (
        mjml(text("one") + short + text("two") + short),
        mjml(short + text("one")),
        mjml(text("one") + short + short),
    ):
        assert kinds(split(tmp_path / str(len(template)), template, *people)) == 1
    found = split(tmp_path / "alone", mjml(short), *people)
    assert [len(skeleton.text) for skeleton, _ in found] == [1, 1, 1]


def test_a_choice_of_many_words_sets_mails_apart(tmp_path: Path) -> None:
    """They are worth a body of their own, rather than a copy for every recipient."""
    long = "{% if first_name %}" + text("word " * 80) + "{% endif %}"
    assert kinds(split(tmp_path, mjml(long + text("x")), {"first_name": "Ada"}, {})) == 2


def test_what_all_of_a_language_share_is_no_leaf(tmp_path: Path) -> None:
    template = mjml(text("{{ brand.name }} {{ locale }} {{ first_name | fallback('you') }}"))
    found = split(tmp_path, template, {"locale": "en"}, {"locale": "en"}, {"locale": "no"})
    assert [skeleton is found[0][0] for skeleton, _ in found] == [True, True, False]
    assert not [leaf for _, leaves in found for leaf in leaves if leaf in ("Shop &amp; Co", "en", "no")]


def test_what_is_shown_again_is_sent_once(tmp_path: Path) -> None:
    card = (
        "{% for item in recommendations %}"
        + text(
            '<a href="{{ item.url }}">{{ item.title }}</a> {{ item.title }} <a href="{{ item.url }}">x</a>'
        )
        + "{% endfor %}"
        + text('<a href="{{ unsubscribe_url }}">Stop</a> <a href="{{ unsubscribe_url }}">really</a>')
    )
    ((_, leaves),) = split(tmp_path, mjml(card), {"recommendations": recommended("i1", "i2")})
    assert len([leaf for leaf in leaves if leaf == "Cap &lt;1&gt; &amp; co"]) == 1
    assert len([leaf for leaf in leaves if leaf.startswith("https://mail.example/u/")]) == 1


@pytest.mark.parametrize("value", ["", " ", "a\x0e1\x0fb", "\x1d\x1e", "{{ 7*7 }}", "&#0;&amp;"])
def test_no_value_is_taken_for_a_mark(tmp_path: Path, value: str) -> None:
    template = mjml(text("a {{ first_name | fallback('you') }} b {% if colour %}{{ colour }}{% endif %}"))
    split(tmp_path, template, {"first_name": value, "colour": value}, {"first_name": "Ada"})
