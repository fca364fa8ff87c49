"""The language of a mail: string tables with plurals, dates and money, blocks for one language, macros and cards."""
# ruff: noqa: E501 cases read better on one line

from __future__ import annotations

from pathlib import Path

import pytest

from mailwright.errors import SourceError
from tests.render.kit import compiled, mjml, only, recommended, render, text

EN = "hello: Hello\nitems: { one: '{count} item', other: '{count} items' }\nonly_en: English only\n"
NO = "hello: Hei\nitems: { one: '{count} vare', other: '{count} varer' }\n"


def test_texts_come_in_the_language_of_the_profile_with_plurals(tmp_path: Path) -> None:
    template = mjml(text("{{ t('hello') }} {{ t('items', count=points) }} {{ t('only_en') }}"))
    campaign = compiled(tmp_path, template, strings={"en": EN, "no": NO})
    assert "Hello 1 item English only" in only(campaign, points=1)
    assert "Hei 1,200".replace(",", "&#160;") in only(campaign, locale="nb_NO", points=1200).replace(
        "\u00a0", "&#160;"
    )
    assert "Hei 2 varer English only" in only(campaign, locale="no", points=2)
    assert "Hello 5 items" in only(campaign, locale="xx-YY", points=5)
    assert "Hello 5 items" in only(campaign, locale="../../etc", points=5)


def test_the_campaign_can_fix_its_language(tmp_path: Path) -> None:
    campaign = compiled(
        tmp_path, mjml(text("{{ t('hello') }}")), strings={"en": EN, "no": NO}, campaign={"locale": "no"}
    )
    assert "Hei" in only(campaign, locale="en")


def test_money_dates_and_numbers_follow_the_locale_and_time_zone(tmp_path: Path) -> None:
    template = mjml(
        text(
            "{{ 1234.5 | money('EUR') }}|{{ 1234.5 | number }}|{{ 0.25 | percent }}|{{ now | date('d MMMM HH:mm') }}"
        )
    )
    campaign = compiled(tmp_path, template, timezone="Europe/Oslo")
    assert "&#8364;1,234.50|1,234.5|25%|20 November 10:00" in only(campaign)
    german = only(campaign, locale="de_DE").replace("&#160;", " ")
    assert "1.234,50 &#8364;|1.234,5|25 %|20 November 10:00" in german


def test_a_country_is_named_in_the_language_of_the_mail(tmp_path: Path) -> None:
    campaign = compiled(
        tmp_path, mjml(text("{{ 'DE' | country }}|{{ 'gb' | country }}|{{ 'Oz' | country }}"))
    )
    assert "Germany|United Kingdom|Oz" in only(campaign)
    assert "Tyskland|Storbritannia|Oz" in only(campaign, locale="no")


def test_a_block_for_a_language_is_shown_to_its_readers(tmp_path: Path) -> None:
    blocks = {
        "no": f"---\nslot: hero\npriority: 1\nlocale: [no]\n---\n{text('Norsk')}",
        "any": f"---\nslot: hero\n---\n{text('Any')}",
    }
    campaign = compiled(tmp_path, mjml('{% slot "hero" %}'), blocks)
    shown = [
        mail["variant"]
        for mail in render(campaign, {"locale": "nb-NO"}, {"locale": "no"}, {"locale": "sv"}, {})
    ]
    assert shown == ["hero=no", "hero=no", "hero=any", "hero=any"]


def test_an_unknown_key_fails_its_block_and_says_which(tmp_path: Path) -> None:
    (mail,) = render(compiled(tmp_path, mjml(text("{{ t('nothing') }}")), strings={"en": EN}), {})
    assert mail["reason"] == "render_failed"
    assert "'nothing'" in mail["detail"]


def test_macros_partials_and_named_cards_are_written_out(tmp_path: Path) -> None:
    blocks = {
        "partials/ui": '{% macro go(label, href="https://shop.example") %}<mj-button href="{{ href }}">{{ label }}</mj-button>{% endmacro %}',
        "partials/hi": "Hi {{ first_name | fallback('you') }}",
        "cards/wide": text("{{ item.title }} wide"),
    }
    body = (
        '{% from "partials/ui.mjml" import go %}{% import "partials/ui.mjml" as ui %}'
        '<mj-section><mj-column>{{ go("Shop") }}{{ ui.go("Cart", href="https://shop.example/cart") }}</mj-column></mj-section>'
        + text('{% include "partials/hi.mjml" %}!')
        + '{% for one in recommendations %}{% card one "wide" %}{% endfor %}{% card item("i7") wide %}'
    )
    html = only(compiled(tmp_path, mjml(body), blocks), first_name="Ada", recommendations=recommended("i1"))
    for shown in (
        'href="https://shop.example"',
        'href="https://shop.example/cart"',
        "Hi Ada!",
        "Cap &lt;1&gt; &amp; co wide",
        "Cap &lt;7&gt; &amp; co wide",
    ):
        assert shown in html
    with pytest.raises(SourceError, match="no macro 'went'"):
        compiled(tmp_path, mjml('{% from "partials/ui.mjml" import went %}'), blocks)


def test_a_block_has_its_days_in_the_time_zone_of_the_workspace(tmp_path: Path) -> None:
    blocks = {
        "sale": f"---\nslot: hero\npriority: 1\nstarts: 2026-11-20\nends: 2026-11-20\n---\n{text('Today')}",
        "any": f"---\nslot: hero\n---\n{text('Any')}",
    }
    for zone, shown in (
        ("UTC", "hero=sale"),
        ("Pacific/Kiritimati", "hero=sale"),
        ("America/Los_Angeles", "hero=sale"),
    ):
        (mail,) = render(compiled(tmp_path, mjml('{% slot "hero" %}'), blocks, timezone=zone), {})
        assert mail["variant"] == shown, zone
    late = {**blocks, "sale": blocks["sale"].replace("2026-11-20", "2026-11-21")}
    (mail,) = render(compiled(tmp_path, mjml('{% slot "hero" %}'), late, timezone="UTC"), {})
    assert mail["variant"] == "hero=any"
