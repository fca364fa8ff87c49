"""What the whole audience gets: exact, against counting by hand."""
# ruff: noqa: E501 cases read better on one line

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest

from render import choose_blocks
from render.coverage import choice_coverage, full_coverage
from tests.render.kit import NOW, chosen, compiled, context, frame, mjml, recommended, render, text

TEMPLATE = mjml(
    '{% slot "hero" %}{% slot "picks" optional %}'
    + text(
        "{% if points > 10 %}many{% elif points > 5 %}some{% else %}few{% endif %} {{ first_name | fallback('you') }}"
    )
)
BLOCKS = {
    "vip": f"---\nslot: hero\npriority: 9\nwhen: segment('vip')\n---\n{text('Dear {{ colour }}')}",
    "shadow": f"---\nslot: hero\npriority: 5\nwhen: segment('vip')\n---\n{text('never')}",
    "plain": f"---\nslot: hero\n---\n{text('Hello')}",
    "late": f"---\nslot: hero\npriority: -1\nstarts: 2030-01-01\n---\n{text('later')}",
    "picks": f"---\nslot: picks\nneeds: [len(recommendations) >= 2]\n---\n{text('{{ recommendations[0].title }}')}",
}
PEOPLE = [
    {
        "segment:vip": n % 3 == 0,
        "colour": "red" if n % 2 else None,
        "points": n % 20,
        "first_name": None if n % 4 else "A" * n,
        "recommendations": recommended("i1", "i2") if n % 5 else [],
    }
    for n in range(60)
]


def test_choice_coverage_counts_blocks_and_shadows(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    found = choice_coverage(campaign, choose_blocks(campaign, frame(*PEOPLE), now=NOW))
    counts = {block.block: (block.eligible, block.chosen, block.shadowed_by) for block in found.blocks}
    assert counts == {
        "vip": (20, 20, None),
        "shadow": (20, 0, "vip"),
        "plain": (60, 40, None),
        "late": (0, 0, None),
        "picks": (48, 48, None),
    }
    assert (found.exact, found.recipients, found.unseen) == (False, 60, ("hero/shadow", "hero/late"))


@pytest.mark.parametrize("workers", [1, 2])
def test_full_coverage_is_what_the_mails_say(tmp_path: Path, workers: int) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    people = PEOPLE * 10
    mails = render(campaign, *people)
    found = full_coverage(campaign, context(), chosen(campaign, frame(*people)), workers=workers)
    traces = [orjson.loads(mail["trace"]) for mail in mails]
    assert found.exact
    assert found.rendered == 600
    assert found.variants == dict(Counter(mail["variant"] for mail in mails).most_common())
    shown = Counter(trace["slots"]["hero"] for trace in traces)
    assert {b.block: b.shown for b in found.blocks if b.slot == "hero"} == {
        n: shown[n] for n in ("vip", "shadow", "plain", "late")
    }
    assert next(b.failed for b in found.blocks if b.block == "vip") == 100
    assert found.largest_bytes == max(len(mail["html"]) for mail in mails)
    assert {seen.what: seen.mails for seen in found.arms} == {
        "if points > 10": 270,
        "if points > 5": 150,
        "otherwise (not points > 10, nor points > 5)": 180,
    }
    (fallback,) = found.fallbacks
    assert (fallback.what, fallback.mails) == ("first_name", 460)
    assert fallback.where.startswith("templates/t/template.mjml:2:")


def test_the_review_shows_everything_that_any_mail_shows(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    found = full_coverage(campaign, context(), chosen(campaign, frame(*PEOPLE)))
    together = {what for pick in found.review for what in pick.shows}
    assert {what.split("|")[1] for what in together if what.startswith("block|")} == {
        "vip",
        "shadow",  # those for whom vip fails
        "plain",
        "picks",
    }
    assert sum(what.startswith("arm|") for what in together) == 3
    assert len(found.review) <= 4


def test_the_full_pass_is_kept_and_taken_up_again(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    rows = chosen(campaign, frame(*PEOPLE))
    seen: list[int] = []
    first = full_coverage(
        campaign, context(), rows, cache=tmp_path / "c", progress=lambda done, _: seen.append(done)
    )
    again = full_coverage(
        campaign, context(), rows, cache=tmp_path / "c", progress=lambda done, _: seen.append(done)
    )
    assert first == again
    assert seen == [60]
    assert (
        full_coverage(
            campaign,
            context(fingerprint="other"),
            rows,
            cache=tmp_path / "c",
            progress=lambda done, _: seen.append(done),
        )
        == first
    )
    assert seen == [60, 60]


def test_recording_changes_no_byte(tmp_path: Path) -> None:
    from render.batch import row_columns
    from render.program import program
    from render.rows import batch_rows

    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    run = context()
    batch = chosen(campaign, frame(*PEOPLE)).to_batches()[0]
    for row in batch_rows(batch, row_columns(campaign), run.catalogue):
        assert (
            program(campaign, run, record=True).mail(dict(row)).html
            == program(campaign, run).mail(dict(row)).html
        )
