"""Why an item is shown, as the reader of a mail is told: every kind of reason, in every language."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest

from mailwright.model import CampaignSpec
from mailwright.model.recommendation import SENTENCES, SENTENCES_ABOUT, Reason
from render import load_library
from tests.content.samples import BARE, ROOT, Sample, compile_with, read_sample, render_samples

LOCALES = ("en", "no", "sv", "de")
ABOUT = {"country": "NO", "price": "20"}
COUNTRY = {"en": "Norway", "no": "Norge", "sv": "Norge", "de": "Norwegen"}
KINDS = [(kind, "") for kind in SENTENCES] + [
    (kind, ABOUT.get(kind, "Wool & hat")) for kind in SENTENCES_ABOUT
]
TEMPLATE = """<mjml><mj-head><mj-title>Why</mj-title></mj-head><mj-body><mj-section><mj-column>
{% for item in recommendations %}<mj-text>[{% include "partials/reason.mjml" %}]</mj-text>{% endfor %}
<mj-text><a href="{{ unsubscribe_url }}">-</a></mj-text></mj-column></mj-section></mj-body></mjml>"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(locale, recommended) → what stands in the mail for each."""
    folder = tmp_path_factory.mktemp("why")
    (folder / "templates" / "why").mkdir(parents=True)
    (folder / "templates" / "why" / "template.mjml").write_text(TEMPLATE, encoding="utf-8")
    campaign = CampaignSpec(template="why", subject="Why", preheader="Why")
    compiled = compile_with("why", campaign, BARE, frozenset(), ROOT, folder)

    @cache
    def render(locale: str, recommended: str) -> list[str]:
        given = [
            {"item_id": f"i{number}", "title": "Thing", "source": "x", "score": 1.0, **one}
            for number, one in enumerate(json.loads(recommended))
        ]
        sample = read_sample("newsletter", "empty").with_profile(locale=locale)
        asked = Sample(**{**vars(sample), "recommendations": given, "asked": {}})
        (mail,) = render_samples(compiled, BARE, [(asked, {})])
        assert mail["status"] == "rendered", mail["trace"]
        return re.findall(r"\[(.*?)\]", mail["text"])

    return lambda locale, recommended: render(locale, json.dumps(recommended))


def _item(reason: Reason) -> dict[str, str]:
    about = {"reason_about": reason.about} if reason.about else {}
    return {"reason": reason.text, "reason_kind": reason.kind, **about}


@pytest.mark.parametrize("locale", LOCALES)
def test_a_reason_is_told_in_the_language_of_the_mail(told: Any, locale: str) -> None:
    strings = load_library(ROOT).strings[locale]
    shown = told(locale, [_item(Reason(kind, about)) for kind, about in KINDS])
    assert len(shown) == len(KINDS)
    for (kind, about), sentence in zip(KINDS, shown, strict=True):
        key = f"reason_{'cohort' if kind == 'country' else kind}{'_about' if about else ''}"
        about = COUNTRY[locale] if kind == "country" else about
        assert sentence == str(strings[key]).replace("{about}", about), kind


def test_an_english_mail_and_the_trace_say_the_same(told: Any) -> None:
    reasons = [Reason(kind, about) for kind, about in KINDS]
    shown = told("en", [_item(reason) for reason in reasons])
    assert [sentence[0].lower() + sentence[1:] for sentence in shown] == [reason.text for reason in reasons]


@pytest.mark.parametrize("locale", LOCALES)
def test_a_reason_of_ones_own_is_shown_as_it_is_written(told: Any, locale: str) -> None:
    own = Reason("cheapest", sentence="a small price")
    assert told(locale, [_item(own), {"reason": "because it rains"}]) == ["A small price", "Because it rains"]


def test_what_was_written_without_a_reason_was_picked_by_somebody(told: Any) -> None:
    assert told("no", [{}]) == ["Plukket ut av oss"]


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("templates/*/sample.*.json")), ids=lambda path: path.parent.name
)
def test_a_samples_sentence_is_that_of_its_kind(path: Any) -> None:
    sample = json.loads(path.read_text("utf-8"))
    for one in [
        *sample["recommendations"],
        *(item for items in sample.get("asked", {}).values() for item in items),
    ]:
        assert one["reason"] == Reason(one["reason_kind"], one.get("reason_about", "")).text
