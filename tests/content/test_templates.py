"""Every shipped template makes a mail one would send, for a rich, a sparse and an empty profile."""

from __future__ import annotations

from functools import cache

import pytest

from render import CompiledCampaign
from tests.content.checks import problems
from tests.content.samples import BARE, KINDS, TEMPLATES, compile_shipped, read_sample, render_sample


@cache
def compiled(template: str) -> CompiledCampaign:
    return compile_shipped(template)


def test_there_are_six_templates_and_more_than_twenty_blocks() -> None:
    assert len(TEMPLATES) >= 6
    assert (
        len(
            {
                block
                for template in TEMPLATES
                for blocks in compiled(template).slots.values()
                for block in blocks
            }
        )
        >= 20
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_compiles_without_a_warning(template: str) -> None:
    assert compiled(template).warnings == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_sample_makes_a_whole_mail(template: str, kind: str) -> None:
    sample = read_sample(template, kind)
    mail = render_sample(compiled(template), BARE, sample)
    assert problems(mail, sample.profile.get("locale", "en")) == []


@pytest.mark.parametrize("locale", ["en", "no", "sv", "de"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_the_rich_sample_reads_in_each_language(template: str, locale: str) -> None:
    sample = read_sample(template, "rich").with_profile(locale=locale)
    mail = render_sample(compiled(template), BARE, sample)
    assert problems(mail, locale) == []
    unsubscribe = {"en": "Unsubscribe", "no": "Meld deg av", "sv": "Avsluta", "de": "Abmelden"}[locale]
    assert unsubscribe in mail["text"]


def test_the_newsletter_shows_six_products_for_somebody_we_know() -> None:
    mail = render_sample(compiled("newsletter"), BARE, read_sample("newsletter", "rich"))
    pictures = [part for part in mail["html"].decode().split("<img")[1:] if "assets.example.com" in part]
    assert len(pictures) == 7  # one in the hero, six below it
    assert len({picture.split('src="')[1].split('"')[0] for picture in pictures}) == 7


def test_an_empty_profile_is_shown_no_gap_and_no_product() -> None:
    mail = render_sample(compiled("newsletter"), BARE, read_sample("newsletter", "empty"))
    assert "New on the shelves" in mail["text"]
    assert "assets.example.com" not in mail["html"].decode()
