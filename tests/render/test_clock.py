"""Countdowns: the same as the slow way's, in the reader's language, and gone when they are over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailwright.errors import MailwrightError
from mailwright.model import CampaignSpec
from render.clock import clock_filters
from render.verify import verify
from tests.content.samples import BARE, ROOT, compile_with, read_sample, render_sample
from tests.render.kit import NOW, chosen, compiled, context, frame, mjml, only, render, text


@pytest.mark.parametrize(
    ("until", "locale", "shown"),
    [
        (NOW + timedelta(days=3, hours=23), "en", "in 3 days"),
        (NOW + timedelta(days=30), "en", "in 30 days"),
        (NOW + timedelta(days=2), "nb-NO", "om 2 døgn"),
        (NOW + timedelta(hours=47, minutes=59), "en", "in 47 hours"),
        (NOW + timedelta(minutes=1), "en", "in 1 hour"),
        (NOW, "en", None),
        (NOW - timedelta(days=1), "en", None),
        (date(2026, 11, 20), "de", "in 14 Stunden"),
        (date(2026, 11, 19), "de", None),
        ("2026-11-30", "sv", "om 10 dagar"),
        ("2026-11-22T08:00:00+01:00", "en", "in 46 hours"),
        (datetime(2026, 11, 21, 9), "en", "in 24 hours"),
        (date.max, "en", "in 2912119 days"),
    ],
)
def test_what_is_left_is_said_in_whole_units_until_it_is_over(
    until: Any, locale: str, shown: str | None
) -> None:
    assert clock_filters("Europe/Oslo", NOW)["countdown"](until, locale=locale) == shown


def test_days_and_hours_until_are_those_of_the_rules() -> None:
    clock = clock_filters("UTC", NOW)
    assert clock["days_until"](NOW + timedelta(hours=36)) == 1.5
    assert clock["hours_until"](NOW - timedelta(minutes=30)) == -0.5


COUNTED = text(
    "{% if last_purchase_at %}{{ last_purchase_at | countdown | fallback('over') }} "
    "{{ last_purchase_at | hours_until | round(1) }} {{ last_purchase_at | days_until | int }}{% endif %} "
    "{{ campaign.values.ends | countdown | fallback('over') }} {{ campaign.values.ends | date('d MMM') }}"
)


def test_the_compiled_countdown_is_the_slow_ways(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, mjml(COUNTED), campaign={"values": {"ends": date(2026, 11, 29)}})
    rows = frame(
        {"last_purchase_at": NOW + timedelta(days=4)},
        {"last_purchase_at": NOW - timedelta(hours=5), "locale": "no"},
        {},
    )
    proof = verify(campaign, context(), chosen(campaign, rows))
    assert (proof.mails, proof.differences) == (3, ())
    soon, over, unknown = render(campaign, *rows.to_pylist())
    assert b"in 4 days 96.0 4 in 9 days 29 Nov" in soon["html"]
    assert "over -5.0 0 om 9 døgn 29 nov." in over["text"]
    assert "9 days 29 Nov" in unknown["text"]


def test_the_run_of_another_day_counts_from_its_own_moment(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, mjml(COUNTED), campaign={"values": {"ends": date(2026, 11, 29)}})
    assert "9 days" in only(campaign)
    (later,) = render(campaign, {}, run=context(now=NOW + timedelta(days=9)))
    assert "15 hours" in later["text"]


def test_what_is_no_date_is_a_reason_and_no_mail(tmp_path: Path) -> None:
    (mail,) = render(compiled(tmp_path, mjml(COUNTED), campaign={"values": {"ends": "soon"}}), {})
    assert mail["status"] == "skipped"
    assert "'soon' is no date" in mail["detail"]


@pytest.mark.parametrize("ends", ["first_name", "campaign.values.ends", "(colour or first_name)"])
def test_a_countdown_that_may_be_over_is_refused_when_compiling(tmp_path: Path, ends: str) -> None:
    with pytest.raises(MailwrightError, match=r"\| countdown may be missing here"):
        compiled(tmp_path, mjml(text(f"{{{{ {ends} | countdown }}}}")))
    for sure in (
        f"{{{{ {ends} | countdown | fallback('over') }}}}",
        f"{{% if {ends} | countdown %}}{{{{ {ends} | countdown }}}}{{% endif %}}",
    ):
        assert compiled(tmp_path, mjml(text(sure))).warnings == ()


# ── the shipped offer ──


def offer(ends: object, locale: str = "en") -> str:
    """The text part of the shipped newsletter with an offer that ends then."""
    sample = read_sample("newsletter", "empty").with_profile(locale=locale)
    values = {"offer_code": "HELLO10", "offer_title": "Ten per cent", "offer_ends": ends}
    words = {"subject": sample.subject, "preheader": sample.preheader}
    spec = CampaignSpec(template="newsletter", values=values, **words)
    campaign = compile_with("newsletter", spec, BARE, frozenset(), ROOT)
    shown: str = render_sample(campaign, BARE, sample)["text"]
    return shown


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ["Ends in 10 days", "Until Monday 30 November"]),
        ("no", ["Slutter om 10 døgn", "Til og med mandag 30. november"]),
        ("sv", ["Slutar om 10 dagar", "Till och med måndag 30 november"]),
        ("de", ["Endet in 10 Tagen", "Bis Montag, 30. November"]),
    ],
)
def test_the_shipped_offer_counts_down_in_each_language(locale: str, words: list[str]) -> None:
    shown = offer(date(2026, 11, 30), locale)
    assert "HELLO10" in shown
    for word in words:
        assert word in shown


def test_the_shipped_offer_is_gone_when_it_is_over_and_stays_when_it_never_ends() -> None:
    assert "HELLO10" not in offer(datetime(2026, 11, 20, 8, tzinfo=UTC))
    never = offer(None)
    assert "HELLO10" in never
    assert "Ends" not in never
