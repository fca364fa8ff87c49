"""The compiled mail is the mail that Jinja, MJML and the inliner make for each recipient anew."""
# ruff: noqa: E501 the templates read better on one line

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from render.verify import verify
from tests.render.kit import chosen, compiled, context, frame, mjml, recommended, text
from tests.render.test_mail import BLOCKS, TEMPLATE

EXAMPLES = int(os.environ.get("MAILWRIGHT_EXAMPLES", "40"))

WORDS = st.sampled_from(
    [
        "plain",
        "caf\u00e9 \u2603",
        "a &amp; b",
        "&nbsp;x",
        "5 &lt; 6",
        '"quoted"',
        "it's",
        "हिन्दी",
        "{% raw %}{{ x }}{% endraw %}",
        "100%",
    ]
)
UNQUOTED = st.sampled_from(["plain", "caf\u00e9", "a &amp; b", "it's", "हिन्दी", "back\\slash", "two\nlines"])
VALUES = st.sampled_from(
    [
        "Ada",
        'O"Neil',
        "<script>alert(1)</script>",
        "a & b",
        "हि\u200dन्",
        "back\\slash",
        "{{ 7 * 7 }}",
        "{% raw",
        "\u00a0",
        "-->",
        "]]>",
        "two\nlines",
        "😀",
    ]
)
EXPRESSIONS = st.sampled_from(
    [
        "{{ first_name | fallback('you') }}",
        "{{ points }}",
        "{{ points * 2 + 1 }}",
        "{{ (first_name | fallback('x') | upper) ~ '!' }}",
        "{{ 'many' if points > 10 else 'few' }}",
        "{{ '2026-12-01' | countdown | fallback('over') }} {{ '2026-12-01' | days_until | round(1) }}",
        "{{ points | number }}",
        "{{ brand.name }}",
        "{{ tags | fallback([]) | join(', ') }}",
        "{{ now | date('d MMM') }}",
        "{{ {'a': 1}['a'] }}",
        "{{ colour }}",
    ]
)
CONDITIONS = st.sampled_from(
    [
        "first_name",
        "points > 10",
        "segment('vip')",
        "not tags",
        "points is divisibleby 2",
        "points in [1, 20]",
        "recommendations",
    ]
)
LOOPS = st.sampled_from(
    ["tag in tags | fallback([])", "tag in ['a', '<b>']", "tag in recommendations | map(attribute='title')"]
)
LINKS = st.sampled_from(
    [
        "https://shop.example/?n={{ first_name | fallback('n') }}&amp;p={{ points }}",
        "https://shop.example/{{ first_name | fallback('n') }}/x",
        "{{ website | fallback('https://shop.example') }}",
        "{% if points > 10 %}https://a.example{% else %}{{ website | fallback('https://b.example') }}{% endif %}",
        "mailto:care@shop.example",
        "{{ unsubscribe_url }}",
    ]
)
COLOURS = st.sampled_from(
    [
        "#fff000",
        "{{ colour | fallback('#123456') }}",
        "{{ brand.colour }}",
        "{{ 'red' if points > 10 else 'blue' }}",
    ]
)


def either(*options: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(*options)


LINK = st.builds(
    '<a href="{}" style="color:{}" title="t {}">{}</a>'.format, LINKS, COLOURS, EXPRESSIONS, WORDS
)
INLINE = st.recursive(
    either(WORDS, EXPRESSIONS),
    lambda inner: either(
        st.builds("{} {}".format, inner, inner),
        st.builds("<b>{}</b>".format, inner),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, CONDITIONS, inner, inner),
        st.builds(
            "{{% if {} %}}{}{{% elif {} %}}{}{{% endif %}}".format, CONDITIONS, inner, CONDITIONS, inner
        ),
        st.builds("{{% for {} %}}{{{{ loop.index }}}}: {{{{ tag }}}} {}{{% endfor %}}".format, LOOPS, inner),
        st.builds("{{% set v = points %}}{}{{{{ v }}}}".format, inner),
        st.builds("{{% with w = first_name %}}{}{{{{ w | fallback('-') }}}}{{% endwith %}}".format, inner),
    ),
    max_leaves=5,
)
ELEMENTS = either(
    st.builds(
        '<mj-text color="{}" css-class="k">{}{}</mj-text>'.format, COLOURS, INLINE, either(LINK, st.just(""))
    ),
    st.builds('<mj-button href="{}" background-color="{}">{}</mj-button>'.format, LINKS, COLOURS, INLINE),
    st.builds(
        '<mj-image src="https://img.example/x.png" href="{}" alt="{} {}" />'.format,
        LINKS,
        UNQUOTED,
        EXPRESSIONS,
    ),
    st.builds(
        "<mj-table><tr><td>{}</td></tr>{{% for tag in ['a', 'b'] %}}<tr><td>{{{{ tag }}}}{}</td></tr>{{% endfor %}}</mj-table>".format,
        INLINE,
        INLINE,
    ),
    st.just("<mj-divider /><mj-spacer />"),
    st.builds(
        '<mj-social><mj-social-element src="https://img.example/x.png" href="{}">{}</mj-social-element></mj-social>'.format,
        LINKS,
        WORDS,
    ),
    st.builds(
        "{{% for item in recommendations[:2] %}}<mj-text>{{{{ item.title }}}} {{{{ item.price | money(item.currency) }}}} {}</mj-text>{{% endfor %}}".format,
        INLINE,
    ),
)
COLUMN = st.recursive(
    ELEMENTS,
    lambda inner: either(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if {} %}}{}{{% endif %}}".format, CONDITIONS, inner),
    ),
    max_leaves=3,
)
SECTION = either(
    st.builds("<mj-section><mj-column>{}</mj-column></mj-section>".format, COLUMN),
    st.builds(
        '<mj-section background-color="{}"><mj-column width="50%">{}</mj-column><mj-column width="50%">{}</mj-column></mj-section>'.format,
        COLOURS,
        COLUMN,
        COLUMN,
    ),
    st.builds(
        "<mj-wrapper>{{% if {} %}}<mj-section><mj-column>{}</mj-column></mj-section>{{% endif %}}</mj-wrapper>".format,
        CONDITIONS,
        COLUMN,
    ),
)
BODY = st.lists(
    either(SECTION, st.builds("{{% if {} %}}{}{{% endif %}}".format, CONDITIONS, SECTION)),
    min_size=1,
    max_size=3,
).map("".join)
STYLE = '<mj-style inline="inline">.k { letter-spacing: 1px } .k a { color: green } a { text-decoration: none }</mj-style>'
PROFILES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "first_name": VALUES,
            "points": st.integers(0, 30),
            "colour": st.sampled_from(["#abc", "red;x:y", "rgb(1, 2, 3)"]),
            "website": st.sampled_from(
                ["https://x.example/a b?c=d&e='f'", "javascript:alert(1)", "JaVa\tScript:x", "//evil.example"]
            ),
            "tags": st.lists(VALUES, max_size=2),
            "segment:vip": st.booleans(),
            "recommendations": st.lists(st.sampled_from(["i1", "i2", "i3"]), max_size=3).map(
                lambda ids: recommended(*ids)
            ),
        },
    ),
    min_size=2,
    max_size=4,
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODY, block=SECTION, profiles=PROFILES, inliner=st.sampled_from(["premailer", "css-inline"]))
def test_any_template_compiles_to_the_mail_of_the_slow_way(
    body: str, block: str, profiles: list[dict[str, Any]], inliner: str
) -> None:
    with TemporaryDirectory() as folder:
        blocks = {
            "first": f"---\nslot: hero\npriority: 1\nwhen: points > 5\n---\n{block}",
            "last": "---\nslot: hero\n---\n",
        }
        template = mjml('{% slot "hero" %}' + body, head=STYLE)
        campaign = compiled(Path(folder), template, blocks, inliner=inliner)
        found = verify(campaign, context(), chosen(campaign, frame(*profiles)))
        assert found.equal, (template, blocks, found.differences)


def test_the_defaults_of_a_block_stand_in_both_ways(tmp_path: Path) -> None:
    block = "---\nslot: top\ndefaults: {first_name: you, tags: [x]}\n---\n" + text(
        "Hello {{ first_name }}{% for tag in tags %}, {{ tag }}{% endfor %}"
    )
    campaign = compiled(
        tmp_path, mjml('{% slot "top" %}' + text("{{ first_name | fallback('-') }}")), {"top": block}
    )
    rows = chosen(campaign, frame({}, {"first_name": " "}, {"first_name": "Ada", "tags": ["y"]}))
    report = verify(campaign, context(), rows, sample=5)
    assert (report.mails, report.differences) == (3, ())


def test_a_wrong_compilation_is_noticed(tmp_path: Path) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS)
    rows = chosen(campaign, frame({"first_name": "Ada"}, {"first_name": "Bob"}))
    assert verify(campaign, context(), rows).equal
    broken = replace(
        campaign,
        fingerprint="x",
        html=replace(campaign.html, source=campaign.html.source.replace("Hello", "Hallo")),
    )
    found = verify(broken, context(), rows)
    assert [difference.profile_id for difference in found.differences if difference.part == "html"] == [
        "p0",
        "p1",
    ]


@pytest.mark.parametrize("inliner", ["premailer", "css-inline"])
def test_both_inliners_are_witnesses(tmp_path: Path, inliner: str) -> None:
    campaign = compiled(tmp_path, TEMPLATE, BLOCKS, inliner=inliner)
    rows = chosen(
        campaign,
        frame({"segment:vip": True}, {"first_name": "Ada", "recommendations": recommended("i1", "i2")}),
    )
    assert verify(campaign, context(), rows).equal
