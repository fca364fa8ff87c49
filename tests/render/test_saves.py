"""A library that is compiled again after a save gives what it gives to a program that was just started."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailwright.errors import Location, MailwrightError
from mailwright.model.campaign import CampaignSpec
from mailwright.model.schema import Attribute
from render import compile_campaign
from render.compiled import CompiledCampaign
from tests.render import kit
from tests.render.kit import mjml, recommended, text
from tests.render.test_equivalence import EXAMPLES
from tests.render.test_mail import CARD, GRID, PLAIN

LOGO = "<mj-section><mj-column><mj-image src=\"{{ asset('logo.png') }}\" /></mj-column></mj-section>"
TEMPLATE = mjml(
    '{% slot "hero" %}'
    + LOGO
    + '{% slot "picks" optional %}'
    + text('<a href="{{ unsubscribe_url }}">Stop</a>')
)
HERO = "---\nslot: hero\npriority: 10\nwhen: points > 10\n---\n"
FRONT = HERO.replace("points > 10", "colour IS NOT NULL AND points >= 0").replace(
    "---\n", "---\ndefaults: {colour: red}\n", 1
)
AFTER = "---\nslot: hero\npriority: 5\nwhen: points > 5\n---\n" + text(
    "{% if points > 7 %}{{ first_name | fallback('x') }}"
    "{% else %}{% for tag in tags %}{{ tag }}{% endfor %}{% endif %}"
)
BLOCKS = {"after": AFTER, "plain": PLAIN, "grid": GRID, "cards/product": CARD}
TWO_CARDS = "{% for item in recommendations[:2] %}{% card item %}{% endfor %}"

SAVES: dict[str, dict[str, str]] = {
    "words": {"hero": HERO + text("Summer")},
    "other words": {"hero": HERO + text("Winter")},
    "a placeholder": {"hero": HERO + text("Summer, {{ first_name | fallback('you') }}")},
    "another fallback": {"hero": HERO + text("Summer, {{ first_name | fallback('friend') }}")},
    "a condition": {"hero": HERO + text("{% if points > 50 %}Gold{% elif colour %}{{ colour }}{% endif %}")},
    "an assignment": {"hero": HERO + text("{% set n = points * 2 %}{{ n }}") + text("{{ n | number }}")},
    "a link": {"hero": HERO + text('<a href="https://shop.example/?c={{ colour }}">See</a>')},
    "a link elsewhere": {"hero": HERO + text('<a href="https://shop.example/sale?c={{ colour }}">See</a>')},
    "cards": {"hero": HERO + f"<mj-section><mj-column>{TWO_CARDS}</mj-column></mj-section>"},
    "a card less": {
        "hero": HERO + f"<mj-section><mj-column>{TWO_CARDS.replace('2', '1')}</mj-column></mj-section>"
    },
    "a picture": {"hero": HERO + LOGO.replace("logo", "hero")},
    "one of two pictures": {"hero": HERO + LOGO.replace("}}", "if points > 50 else asset('other.png') }}")},
    "front matter": {"hero": FRONT + text("{{ colour }}")},
    "other front matter": {"hero": FRONT.replace("red", "blue") + text("{{ colour }}")},
    "a line further down": {"hero": HERO + "\n\n" + text("Summer, {{ first_name | fallback('you') }}")},
    "an unknown name": {"hero": HERO + text("{{ frist_name }}")},
    "a tag without an end": {"hero": HERO + "<mj-section><mj-column><mj-text>Summer"},
    "a rule that is none": {"hero": HERO.replace("points >", "points >>") + text("Summer")},
    "another card": {"cards/product": CARD.replace("{{ item.reason }}", "{{ item.category }}")},
    "another block": {"after": AFTER.replace("fallback('x')", "fallback('y')")},
    "another template": {"template": TEMPLATE.replace("Stop", "Stop it, {{ first_name | fallback('you') }}")},
}
"""What is in the files after a save; the others are as they were at first."""

WORLDS: dict[str, dict[str, Any]] = {
    "as it was": {},
    "another brand": {"settings": kit.settings(brand={"name": "Other", "website": "https://other.example"})},
    "another picture": {"asset": lambda path: f"https://assets.example/new/{path}"},
    "another schema": {
        "catalog": replace(kit.CATALOG, attributes={**kit.ATTRIBUTES, "points": Attribute(type="string")})
    },
}
"""What the files are compiled with."""

STEPS = st.tuples(st.sampled_from(list(SAVES)), st.sampled_from(list(WORLDS)))
ALL = [(save, "as it was") for save in SAVES] + [("one of two pictures", world) for world in WORLDS]
THERE_AND_BACK = [step for some in ALL for step in (some, ("a placeholder", "as it was"))]


def compiled(folder: Path, step: tuple[str, str], *, draft: bool) -> CompiledCampaign:
    """The campaign after a save. What MJML makes of it is read from ``folder``, by its own fingerprint."""
    save, world = step
    files = {"hero": HERO + text("Summer"), **BLOCKS, **SAVES[save]}
    template = files.pop("template", TEMPLATE)
    options: dict[str, Any] = {
        "settings": kit.settings(),
        "catalog": kit.CATALOG,
        "asset": lambda path: f"https://assets.example/{path}",
        **WORLDS[world],
    }
    return compile_campaign(
        "spring",
        CampaignSpec.model_validate(
            {"template": "t", "subject": "For {{ first_name | fallback('you') }}", "preheader": "Good"}
        ),
        library=kit.library(folder, template, files),
        at=lambda _: Location("campaigns/spring.yaml", 1, 1),
        cache=folder / "cache",
        draft=draft,
        **options,
    )


def outcome(folder: Path, step: tuple[str, str], *, draft: bool) -> object:
    """All that a campaign holds, and mails of it; or why it does not compile."""
    try:
        campaign = compiled(folder, step, draft=draft)
    except MailwrightError as error:
        return str(error)
    mails = kit.render(
        campaign,
        {
            "points": 90,
            "colour": "red",
            "first_name": "Ada",
            "recommendations": recommended("i1", "i2", "i3"),
        },
        {"points": 20, "recommendations": recommended("i1")},
        {"points": 6, "tags": ["a", "b"]},
        {},
    )
    return replace(campaign, stats=None), mails


def forget() -> None:
    """As a program that was just started: nothing that functions remember is left."""
    for remembering in memories():
        remembering.cache_clear()


def memories() -> Iterator[Any]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("mailwright", "render", "rules"):
            yield from (found for found in vars(module).values() if hasattr(found, "cache_clear"))


@pytest.mark.parametrize("draft", [True, False])
def test_what_was_compiled_before_changes_nothing(tmp_path: Path, draft: bool) -> None:
    alone: dict[tuple[str, str], object] = {}

    @settings(max_examples=max(1, EXAMPLES // 8), deadline=None)
    @given(st.lists(STEPS, min_size=2, max_size=6))
    @example(THERE_AND_BACK)
    def holds(steps: list[tuple[str, str]]) -> None:
        for step in set(steps) - set(alone):
            forget()
            alone[step] = outcome(tmp_path, step, draft=draft)
        forget()
        for step in steps:
            assert outcome(tmp_path, step, draft=draft) == alone[step], step

    holds()
