"""What a template or a profile asks for is bounded: it ends in a reason, soon, and in little memory."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from mailwright.errors import MailwrightError
from render.batch import row_columns
from render.language import MAX_WORK, WORK, LimitError
from render.program import Program
from render.rows import batch_rows
from render.slowly import SlowWay
from render.verify import verify
from tests.render.kit import chosen, compiled, context, frame, mjml, render, text

LONG = "{% set x = 'abcdefghij' %}" + "{% set x = x ~ x %}" * 13
"""A text of 81,920 characters."""
MANY = "{% set l = range(20000) %}"
GROWS = {
    "a number instead of a text": ("{% set a = colour * 300000000 %}{{ a }}", "text cannot be counted with"),
    "a text doubled": (
        "{% set a = colour ~ 'abcdefgh' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
        "100,000",
    ),
    "a text joined by a long one": (LONG + "{{ (range(9000) | join(x)) | length }}", "100,000"),
    "a text replaced by a long one": (LONG + "{{ 'aaaaaaaaaaaaaaaa' | replace('a', x) }}", "too large"),
    "long texts in a loop": (LONG + "{% for a in range(9000) %}{{ x[:9000] ~ a }}{% endfor %}", "to handle"),
    "long words in a loop": (
        "{% for a in range(9000) %}" + "word " * 200 + "{{ a }}{% endfor %}",
        "the mail has more than",
    ),
    "lists in a loop": (
        "{% for a in range(9000) %}{{ range(9000 + a) | sort | length }}{% endfor %}",
        "to handle",
    ),
    "a condition on each of many": (
        MANY + "{% for a in range(9000) %}{% for b in l if b < 0 %}{% endfor %}{% endfor %}",
        "to handle",
    ),
    "looking into a list in a loop": (
        MANY + "{% for a in range(9000) %}{% if -1 in l %}x{% endif %}{% endfor %}",
        "to handle",
    ),
    "each looked for among all": (MANY + "{{ l | unique | length }}", "to handle"),
    "lists of lists of lists": (
        "{% set a = [colour] %}{% set b = [colour] %}"
        + "{% set a = [a, a] %}{% set b = [b, b] %}" * 30
        + "{{ a == b }}",
        "20,000 elements",
    ),
    "lists filled up with lists": (
        "{% set a = [colour] %}" + "{% set a = a | batch(9, a) %}" * 9 + "{{ a | length }}",
        "20,000 elements",
    ),
    "a list doubled": (
        "{% set a = [colour] %}" + "{% set a = a + a %}" * 40 + "{{ a | length }}",
        "elements",
    ),
    "lists summed": ("{% set l = [[colour], [colour]] %}{{ l | sum(start=[]) }}", "cannot be counted with"),
    "a whole number squared": ("{% set n = 10 ** 30 %}" + "{% set n = n * n %}" * 40 + "{{ n }}", "counted"),
    "a pattern": (LONG + "{{ now | date(x) }}", "pattern"),
    "loops in loops": (
        "{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}",
        "rounds of loops",
    ),
}


@pytest.mark.parametrize("name", GROWS)
def test_what_grows_ends_in_a_skip(tmp_path: Path, name: str) -> None:
    template, reason = GROWS[name]
    campaign = compiled(tmp_path, mjml(text(template)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (mail,) = render(campaign, {"colour": "red"})
    assert (mail["status"], mail["reason"]) == ("skipped", "render_failed")
    assert reason in mail["detail"]
    assert "template.mjml:" in mail["detail"] or "the mail has" in mail["detail"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # KB


def test_the_slow_way_is_bounded_too(tmp_path: Path) -> None:
    loops = "{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}"
    campaign, run = compiled(tmp_path, mjml(text(loops))), context()
    (batch,) = chosen(campaign, frame({})).to_batches()
    (row,) = batch_rows(batch, row_columns(campaign), run.catalogue)
    Program(campaign, run).complete(row, "https://mail.example/u")
    with pytest.raises(LimitError, match="rounds of loops"):
        SlowWay(campaign, run).source(row | {"subject": "x", "preheader": "y"}, {})


def test_rounding_to_a_thousand_million_digits_is_quick(tmp_path: Path) -> None:
    template = mjml(text("{% set n = 5 %}{{ n | round(-1000000000) }} {{ n | round(1000000000) }}"))
    (mail,) = render(compiled(tmp_path, template), {})
    assert mail["text"] == "0.0 5.0\n"


def test_what_one_mail_used_up_is_there_for_the_next(tmp_path: Path) -> None:
    template = mjml(text("{% for tag in tags or [] %}{{ (tags | sort | first) ~ tag }}{% endfor %}x"))
    campaign = compiled(tmp_path, template)
    many = {"tags": [str(n) for n in range(3000)]}
    mails = render(campaign, many, {"tags": ["a"]}, many, {"tags": ["b"]})
    assert [mail["status"] for mail in mails] == ["skipped", "rendered"] * 2


def test_a_large_audience_does_not_use_up_what_a_mail_may(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, mjml(text("{{ colour }}")))
    (batch,) = chosen(campaign, frame({"colour": "r" * 9000})).to_batches()
    program = Program(campaign, context())
    for _ in range(MAX_WORK // 9000 + 1):
        (row,) = batch_rows(batch, row_columns(campaign), program.context.catalogue)
        assert program.mail(row).skip is None
    assert 0 < WORK.left < MAX_WORK


def test_cards_that_are_remembered_hold_no_more_than_their_shelf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = "<mj-text>{{ item.title }} " + "word " * 2_000 + "</mj-text>"
    template = mjml("<mj-section><mj-column>{% card item(colour) %}</mj-column></mj-section>")
    campaign = compiled(tmp_path, template, {"cards/product": card})
    (batch,) = chosen(campaign, frame(*({"colour": f"i{n % 12}"} for n in range(36)))).to_batches()
    monkeypatch.setattr("render.shelf.MOST", 3 * 12_000)
    kept = []
    program = Program(campaign, context())
    for row in batch_rows(batch, row_columns(campaign), program.context.catalogue):
        assert program.mail(row).skip is None
        kept.append(len(program._shelf))
    assert 1 < max(kept) <= 6  # of 12 items, each in HTML and text, three of HTML fit


@pytest.mark.parametrize(
    "code",
    [
        "{% for a in tags %}" * 25 + "x" + "{% endfor %}" * 25,
        "{% if colour == '0' %}a"
        + "".join(f"{{% elif colour == '{n}' %}}b" for n in range(1, 120))
        + "{% endif %}",
        "{{ " + "1 + " * 3000 + "1 }}",
        "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
        "{% if " + "not " * 3000 + "colour %}x{% endif %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_code_nested_too_deeply_is_refused_with_its_place(tmp_path: Path, code: str) -> None:
    with pytest.raises(MailwrightError, match=r"template\.mjml:\d+"):
        compiled(tmp_path, mjml(text(code)))


def test_a_loop_leaves_no_name_to_its_next_round(tmp_path: Path) -> None:
    """As Jinja has it; what one item set would otherwise be shown with the next."""
    once = "{% for tag in tags %}{% if tag == 'a' %}{% set seen = tag %}{% endif %}"
    template = mjml(
        text(once + "[{{ seen | fallback('-') }}]{% endfor %}")
        + text("{% set n = 0 %}{% for tag in tags %}{% set n = n + 1 %}{{ n }}{% endfor %}={{ n }}")
    )
    campaign = compiled(tmp_path, template)
    people = [{"tags": ["b", "a", "b"]}]
    (mail,) = render(campaign, *people)
    assert mail["text"] == "[-][a][-]\n\n111=0\n"
    assert verify(campaign, context(), chosen(campaign, frame(*people)), sample=5).equal
