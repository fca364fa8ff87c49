"""The example shop: its YAML fits together, and its campaigns read well in four languages."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from mailwright.catalog import block_catalog, segment_catalog
from render import load_library
from rules import compile_rule
from segments import compile_segments
from tests.content.checks import problems
from tests.content.samples import SHOP, Sample, compile_shop, read_sample, render_sample, render_samples, shop

LOCALES = ("en", "no", "sv", "de")
RICH = {"first_name": "Åse", "points": 1240, "tier": "silver", "country": "NO", "tags": ["hiking"]}
READERS: dict[str, tuple[str, dict[str, object], dict[str, bool]]] = {
    "gold": ("rich", {**RICH, "tier": "gold"}, {"gold_club": True}),
    "skier": ("rich", {**RICH, "tags": ["skiing", "camping"]}, {}),
    "cook": ("rich", {**RICH, "tags": ["cooking"], "tier": None, "points": 0}, {}),
    "looked": ("sparse", {"country": "SE"}, {}),
    "nobody": ("empty", {}, {}),
}


def reader(name: str, template: str, locale: str) -> tuple[Sample, dict[str, bool]]:
    kind, changes, segments = READERS[name]
    return read_sample(template, kind).with_profile(locale=locale, **changes), segments


def test_the_segments_compile_and_are_described() -> None:
    file = shop().segments_file
    rules = compile_segments(file.value, segment_catalog(shop()), lambda name: file.at(name, "rule"))
    assert len(rules) >= 4
    assert all(spec.description for spec in file.value.values())


def test_every_audience_and_trigger_is_a_rule() -> None:
    for file in shop().campaign_files.values():
        compile_rule(file.value.audience, segment_catalog(shop()), at=file.at("audience"))
    for trigger in shop().trigger_files.values():
        compile_rule(trigger.value.when, block_catalog(shop()), at=trigger.at("when"))


def test_the_newsletter_has_eight_blocks_of_its_own_over_three_slots() -> None:
    own = {name: block.spec.slot for name, block in load_library(SHOP).blocks.items()}
    slots = compile_shop("newsletter").slots
    filled = {slot: [block for block in blocks if block in own] for slot, blocks in slots.items()}
    assert len(slots) == 3
    assert all(filled.values())
    assert sum(map(len, filled.values())) >= 8


@pytest.mark.parametrize("campaign", ["newsletter", "win-back", "cart-abandoned"])
def test_a_campaign_compiles_without_a_warning(campaign: str) -> None:
    assert compile_shop(campaign).warnings == ()


@cache
def newsletters() -> dict[tuple[str, str], dict[str, Any]]:
    who = [(name, locale) for name in READERS for locale in LOCALES]
    readers = [reader(name, "newsletter", locale) for name, locale in who]
    return dict(zip(who, render_samples(compile_shop("newsletter"), shop().spec, readers), strict=True))


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", READERS)
def test_the_newsletter_is_whole_for_every_reader(name: str, locale: str) -> None:
    assert problems(newsletters()[name, locale], locale) == []


def test_the_win_back_greets_by_name_and_gives_the_code() -> None:
    samples = [read_sample("win-back", "rich").with_profile(locale=locale, **RICH) for locale in LOCALES]
    readers = [(sample, {"lapsed": True}) for sample in samples]
    mails = render_samples(compile_shop("win-back"), shop().spec, readers)
    for locale, mail in zip(LOCALES, mails, strict=True):
        assert problems(mail, locale) == []
        assert "Åse" in mail["text"]
        assert "HELLOAGAIN" in mail["text"]


@pytest.mark.parametrize("kind", ["rich", "sparse"])
def test_the_abandoned_basket_shows_what_is_in_it(kind: str) -> None:
    sample = read_sample("abandoned-cart", kind)
    mail = render_sample(compile_shop("cart-abandoned"), shop().spec, sample)
    assert problems(mail, sample.profile["locale"]) == []
    assert "Folding lantern" in mail["text"]


def test_a_hostile_name_is_shown_harmlessly() -> None:
    sample = read_sample("win-back", "rich").with_profile(first_name='"><script>alert(1)</script>')
    (mail,) = render_samples(compile_shop("win-back"), shop().spec, [(sample, {"lapsed": True})])
    assert problems(mail, "en") == []
    assert b"<script" not in mail["html"]
