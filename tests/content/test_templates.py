"""Every shipped template makes a mail one would send, for a rich, a sparse and an empty profile."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from render import CompiledCampaign
from tests.content.checks import problems
from tests.content.samples import BARE, KINDS, TEMPLATES, compile_shipped, read_sample, render_samples

LOCALES = ("en", "no", "sv", "de")


@cache
def compiled(template: str) -> CompiledCampaign:
    return compile_shipped(template)


@cache
def mails(template: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Sample (or language of the rich sample) → its language and its mail."""
    samples = {kind: read_sample(template, kind) for kind in KINDS}
    samples |= {locale: samples["rich"].with_profile(locale=locale) for locale in LOCALES}
    rows = render_samples(compiled(template), BARE, [(sample, {}) for sample in samples.values()])
    languages = [sample.profile.get("locale", "en") for sample in samples.values()]
    return dict(zip(samples, zip(languages, rows, strict=True), strict=True))


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
    language, mail = mails(template)[kind]
    assert problems(mail, language) == []


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_the_rich_sample_reads_in_each_language(template: str, locale: str) -> None:
    _, mail = mails(template)[locale]
    assert problems(mail, locale) == []
    unsubscribe = {"en": "Unsubscribe", "no": "Meld deg av", "sv": "Avsluta", "de": "Abmelden"}[locale]
    assert unsubscribe in mail["text"]


def test_the_newsletter_shows_six_products_for_somebody_we_know() -> None:
    _, mail = mails("newsletter")["rich"]
    pictures = [part for part in mail["html"].decode().split("<img")[1:] if "assets.example.com" in part]
    assert len(pictures) == 7  # one in the hero, six below it
    assert len({picture.split('src="')[1].split('"')[0] for picture in pictures}) == 7


def test_an_empty_profile_is_shown_no_gap_and_no_product() -> None:
    _, mail = mails("newsletter")["empty"]
    assert "New on the shelves" in mail["text"]
    assert "assets.example.com" not in mail["html"].decode()
