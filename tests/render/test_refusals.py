"""What cannot work is refused when compiling, at its place, with the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailwright.errors import MailwrightError, SourceError
from render import furnace, load_library
from tests.render.kit import compiled, library, mjml, render, text

COLUMN = "<mj-section><mj-column>{}</mj-column></mj-section>".format
CASES = [
    # (content of mj-body, part of the message, part of the fix)
    (text("{{ 'a' * 300000000 }}"), "counted with", None),
    (text("{{ ''.__class__.__mro__ }}"), "cannot be read", "only data"),
    (text("{{ first_name['__class__'] }}"), "cannot be read", "only data"),
    (text("{{ first_name.upper() }}"), "no methods", "use a filter: | upper"),
    (text("{{ range.__globals__ }}"), "cannot be read", None),
    (text("{{ first_nam | fallback('x') }}"), "no 'first_nam'", "did you mean 'first_name'"),
    (text("{{ first_name }}"), "may be missing", "fallback"),
    (text("{{ abort(first_name) }}"), "may be missing", "fallback"),
    (text("{{ 'a' if points }}"), "if without else", "else ''"),
    (text("{% set x = 'a' if points %}{{ x }}"), "x may be missing", "{% if x %}"),
    (text("{{ xyz }}"), "no 'xyz'", "known here: brand, campaign, cart, colour"),
    (text("{{ first_name | uper }}"), "no filter 'uper'", "did you mean 'upper'"),
    (text("{{ first_name | safe }}"), "no filter 'safe'", "escaped where it stands"),
    (text("{{ segment('vipp') }}"), "no segment 'vipp'", "did you mean 'vip'"),
    (text("{{ recommend(strategy='similer', n=2) }}"), "no strategy 'similer'", "did you mean 'similar'"),
    (
        text("{{ recommend(strategy='similar', to=cart.item, n=2) }}"),
        "cart.item holds no items",
        "cart.items",
    ),
    (text("{{ recommend(strategy='similar', to='i1', n=2) }}"), "takes an attribute", "to=cart.items"),
    (text("{{ recommend(strategy='similar', n=points) }}"), "needs n, from 1 to 50", "n=4"),
    (text("{{ recommend(strategy='similar', n=51) }}"), "needs n, from 1 to 50", "n=4"),
    (text("{{ recommend(strategy='similar', n=True) }}"), "needs n, from 1 to 50", "n=4"),
    (text("{{ recommend(strategy=colour, n=2) }}"), "needs a strategy in quotes", "similar"),
    (text("{{ recommend('similar', 2) }}"), "by name", "strategy="),
    (text("{{ recommend(strategy='similar', n=2, agian=true) }}"), "by name", "did you mean 'again'"),
    (text("{{ cart.itms | length }}"), "no 'itms' in cart", "did you mean 'items'"),
    (text("{{ cart.itms | fallback('') }}"), "no 'itms' in cart", "did you mean 'items'"),
    (text("{% if cart['itms'] %}x{% endif %}"), "no 'itms' in cart", "did you mean 'items'"),
    (
        text("{% for line in cart.items %}{{ line.titel | fallback('') }}{% endfor %}"),
        "no 'titel' in line",
        "title",
    ),
    (text("{{ (cart.items | first).titel | fallback('') }}"), "no 'titel'", "did you mean 'title'"),
    (text("{{ cart.items[0].titel | fallback('') }}"), "no 'titel'", "did you mean 'title'"),
    (text("{{ cart.items | map(attribute='titel') | join }}"), "no 'titel' in an element of cart", "title"),
    (text("{{ cart.items | join(', ', 'titel') }}"), "no 'titel' in an element of cart", "title"),
    (text("{% with c = cart %}{{ c.itms | length }}{% endwith %}"), "no 'itms' in c", "items"),
    (text("{{ recommendations | sum(attribute='prise') }}"), "no 'prise'", "did you mean 'price'"),
    (text("{{ item('i1').prise | fallback(1) }}"), "no 'prise'", "did you mean 'price'"),
    (text("{{ first_name.x | fallback('') }}"), "first_name is a string and has no 'x'", None),
    (text("{{ now.year }}"), "now is a timestamp and has no 'year'", None),
    (text("{{ cart.items.title | fallback('') }}"), "list of object and has no 'title'", "| first"),
    (text("{% set c = cart %}{{ c.items.titel | fallback('') }}"), "has no 'titel'", None),
    (text("{% if first_name %}x"), "which closes before it ends", "{% endif %}"),
    (text("{% for x in [1] %}{% endif %}"), "not Jinja", None),
    (text("{{ first_name + }}"), "not an expression", None),
    (text("a {{ x"), "{{ has no end", "}}"),
    (text("{% extends 'x' %}"), "not part of the language", "slots"),
    (text("{% include '../../etc/passwd' %}"), "no partial", None),
    (text("{% include '/etc/passwd' %}"), "no partial", None),
    (text("a < b"), "a bare <", "&lt;"),
    (text("<b>x</i>"), "</i> stands where </b> is due", None),
    (text("<script>x</script>"), "does not work in mail", None),
    (text('<a href="javascript:alert(1)">x</a>'), "cannot start with javascript:", "https"),
    (text('<a onclick="x()">x</a>'), "script", None),
    (text("<a {% if points %}href='x'{% endif %}>x</a>"), "inside the tag", "around the whole element"),
    (text("<a href={{ unsubscribe_url }}>x</a>"), "needs quotes", None),
    (text('<b class="{{ colour }}">x</b>'), "must be known", "constant"),
    (
        text('<a href="https://a.example">x <a href="https://b.example">y</a></a>'),
        "a link inside a link",
        None,
    ),
    (
        text('<b style="{% if points %}color:red{% endif %}">x</b>'),
        "cannot stand in a style",
        "if condition else",
    ),
    (COLUMN("{{ points }}"), "cannot stand here", "<mj-text>"),
    (COLUMN("hello"), "text cannot stand here", "<mj-text>"),
    (COLUMN("<mj-txt>x</mj-txt>"), "no <mj-txt>", "did you mean 'mj-text'"),
    (COLUMN("<mj-text>x</mj-txt>"), "</mj-txt> stands where </mj-text> is due", None),
    (COLUMN('<mj-image src="x" width="{{ points }}px" />'), "must be known", "constant"),
    (COLUMN('<mj-button width="{{ points }}px">x</mj-button>'), "must be known", None),
    (COLUMN('<mj-image src="x" src="y" />'), "twice", None),
    (COLUMN('<mj-include path="x.mjml" />'), "mj-include", "{% include"),
    ('<mj-section padding-left="{{ points }}px"></mj-section>', "must be known", None),
    (
        "<mj-section>{% if points %}<mj-column></mj-column>{% endif %}<mj-column></mj-column></mj-section>",
        "columns come and go",
        "width",
    ),
    (
        "<mj-section>{% if points %}<mj-column>{% endif %}</mj-column></mj-section>",
        "same element",
        "between the same two tags",
    ),
    ('{% if points %}{% slot "x" optional %}{% endif %}', "inside {% if %}", "when"),
    ('{% slot "nothing" %}', "no block fills the slot", None),
    ('{% slot "a" optional %}{% slot "a" optional %}', "stands here twice", None),
    ("{% card points %}", "no card 'product'", "blocks/cards/product.mjml"),
    (text("{{ brand.nothing }}"), "is not set", "fallback"),
    (text("{{ campaign.values.ends | countdown }}"), "countdown may be missing", "fallback"),
    (
        COLUMN("<mj-carousel>{% if points %}<mj-carousel-image src='x' />{% endif %}</mj-carousel>"),
        "cannot stand in <mj-carousel>",
        "around the whole <mj-carousel>",
    ),
    (text("{{ asset(first_name) }}"), "one file name", "asset("),
    (text("{% set points = 1 %}{{ x }}"), "no 'x'", None),
    (text("{% for a in [1] recursive %}{% endfor %}"), "recursive", None),
]
HEADS = [
    ("<mj-style>.a:first-child { color: red }</mj-style>", "depends on what stands beside"),
    ("<mj-style>.a + .b { color: red }</mj-style>", "depends on what stands beside"),
    ("<mj-style>.a ~ * { color: red }</mj-style>", "depends on what stands beside"),
    ("<mj-style>@media (min-width: 9px) { p:nth-child(2) { color: red } }</mj-style>", "depends on"),
    ("<mj-style>.a:empty { color: red }</mj-style>", "depends on what stands beside"),
    ("<mj-style>td:has(.a) { color: red }</mj-style>", "depends on what stands beside"),
    ("<mj-style>a[href^='https'] { color: red }</mj-style>", "depends on what stands beside"),
    ("<mj-style>a[href='https://x.example'] { color: red }</mj-style>", "depends on what stands beside"),
    ("<mj-style>.a { color: {{ colour }} }</mj-style>", "the same for everyone"),
    ("<mj-style>{% if points %}.a { color: red }{% endif %}</mj-style>", "the same for everyone"),
    ("<mj-html-attributes></mj-html-attributes>", "mj-html-attributes is not supported"),
    ("{% if points %}<mj-font name='x' href='y' />{% endif %}", "cannot stand in <mj-head>"),
]


@pytest.mark.parametrize(("body", "what", "fix"), CASES, ids=[case[0][:60] for case in CASES])
def test_it_is_refused_with_its_place_and_fix(tmp_path: Path, body: str, what: str, fix: str | None) -> None:
    with pytest.raises(SourceError) as error:
        compiled(tmp_path, mjml("\n" + body))
    assert what in error.value.what
    assert error.value.at.file == "templates/t/template.mjml"
    assert error.value.at.line == 3
    assert fix is None or fix in (error.value.fix or "")


BADGE = "{% macro badge(of) %}{% if of.price %}{{ of.price }}{% endif %}{{ of.title }}{% endmacro %}"
PARTIAL = "{% if thing.price %}{{ thing.price }}{% endif %}"


@pytest.mark.parametrize(
    "code",
    [
        BADGE + "{% for line in cart.items %}{{ badge(line) }}{% endfor %}{{ badge(item('i1')) }}",
        "{% for line in cart.items %}{% card line %}{% endfor %}{% card item('i1') %}",
        "{% for thing in cart.items %}{% include 'partials/thing.mjml' %}{% endfor %}",
        "{% set thing = first_name %}{% include 'partials/thing.mjml' %}",
        "{% for one in cart.items | fallback(campaign.values.lines) %}{{ one.link }}{% endfor %}",
        "{% set all = cart.items | fallback([{'title': 'x', 'link': 'y'}]) %}{{ all[0].link }}",
        "{{ (cart | list)[0] | fallback('') }}",
    ],
)
def test_what_stands_for_one_thing_here_and_another_there_may_have_the_members_of_both(
    tmp_path: Path, code: str
) -> None:
    shared = {
        "cards/product": "{{ item.title | fallback('') }}{% if item.price %}{{ item.price }}{% endif %}",
        "partials/thing": PARTIAL,
    }
    lines = {"values": {"lines": [{"link": "https://shop.example"}]}}
    compiled(tmp_path, mjml(text(code)), shared, campaign=lines)


FIXED = {
    "mj-body": "width",
    "mj-column": "width padding padding-left padding-right border border-left border-right css-class",
    "mj-group": "width",
    "mj-image": "width height border border-left border-right fluid-on-mobile padding padding-left",
    "mj-hero": "height mode padding padding-left padding-top padding-bottom",
    "mj-table": "border",
    "mj-section": "full-width padding padding-left padding-right border border-left border-right mj-class",
    "mj-wrapper": "full-width padding padding-left padding-right border border-left border-right",
    "mj-social": "icon-size icon-height mode",
    "mj-social-element": "icon-size icon-height name",
    "mj-carousel": "thumbnails tb-width icon-width",
    "mj-button": "width",
    "mj-divider": "width align padding padding-left border-left",
    "mj-breakpoint": "width",
    "mj-class": "width padding-left border-right height",
    "mj-all": "width padding-left border-right height",
}
"""What was measured to be lost or to come out differently when it is known only per recipient."""
INSIDE = {
    "mj-body": "<mjml><mj-body {}></mj-body></mjml>",
    "mj-breakpoint": "<mjml><mj-head><mj-breakpoint {} /></mj-head><mj-body></mj-body></mjml>",
    "mj-class": '<mjml><mj-head><mj-attributes><mj-class name="k" {} /></mj-attributes></mj-head></mjml>',
    "mj-all": "<mjml><mj-head><mj-attributes><mj-all {} /></mj-attributes></mj-head></mjml>",
}


@pytest.mark.parametrize(
    ("tag", "attribute"), [(tag, name) for tag, names in FIXED.items() for name in names.split()]
)
def test_what_mjml_computes_with_must_be_known(tmp_path: Path, tag: str, attribute: str) -> None:
    whole = INSIDE.get(tag) or mjml(f"<{tag} {{}}></{tag}>")
    with pytest.raises(SourceError) as error:
        compiled(tmp_path, whole.format(f'{attribute}="{{{{ points }}}}px"'))
    assert f"{attribute} of <{tag}> must be known when the template is compiled" in error.value.what
    assert error.value.at.line
    assert "one block for each value" in (error.value.fix or "")


@pytest.mark.parametrize(("head", "what"), HEADS)
def test_a_head_that_differs_by_recipient_is_refused(tmp_path: Path, head: str, what: str) -> None:
    with pytest.raises(SourceError, match=r"templates/t/template\.mjml:1:") as error:
        compiled(tmp_path, mjml(text("x"), head=head))
    assert what in error.value.what


def test_a_slot_whose_blocks_all_need_something_is_refused(tmp_path: Path) -> None:
    blocks = {
        "a": f"---\nslot: hero\nwhen: points > 3\n---\n{text('x')}",
        "b": f"---\nslot: hero\nneeds: [first_name]\n---\n{text('x')}",
    }
    with pytest.raises(SourceError, match="can stay empty") as error:
        compiled(tmp_path, mjml('{% slot "hero" %}'), blocks)
    assert "optional" in (error.value.fix or "")


@pytest.mark.parametrize(
    "code",
    [
        "{{ colour or first_name }}",
        "{{ first_name and 'x' }}",
        "{{ (points and first_name) | upper }}",
        "{% set x = first_name ~ '!' %}{{ x }}",
        "{% set x = t('hi', name=first_name) %}{{ x }}",
        "{% set x = colour or (first_name ~ '!') %}",
        "{% set x = {'name': first_name | upper} %}",
        "{% with x = first_name ~ '!' %}{{ x }}{% endwith %}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(first_name ~ '!') }}",
    ],
)
def test_what_is_put_together_of_something_missing_is_refused(tmp_path: Path, code: str) -> None:
    with pytest.raises(SourceError, match="first_name may be missing here"):
        compiled(tmp_path, mjml(text(code)), strings={"en": 'hi: "Hi {name}"\n'})


@pytest.mark.parametrize(
    "value", ["first_name if points else 'a'", "colour or first_name", "points and first_name"]
)
def test_a_name_for_what_may_be_missing_may_be_missing(tmp_path: Path, value: str) -> None:
    with pytest.raises(SourceError, match="x may be missing here") as error:
        compiled(tmp_path, mjml(text(f"{{% set x = {value} %}}{{{{ x }}}}")))
    assert "{% if x %}" in (error.value.fix or "")


@pytest.mark.parametrize(
    "code",
    [
        "{{ first_name or 'a' }}{{ (first_name and 'x') or 'y' }}{{ (first_name if points else '') or 'z' }}",
        "{% set x = first_name or colour %}{{ x | fallback('y') }}{% if x %}{{ x }}{% endif %}",
        "{% set x = first_name if points else 'a' %}{{ x or 'b' }}",
        "{% set x = [first_name, {'a': first_name}] %}{% for y in x %}{% if y %}z{% endif %}{% endfor %}",
        "{% set x = first_name ~ '!' if first_name else 'you' %}{{ x }}",
        "{% set x = item(first_name) %}{{ x.title if x else '' }}",
        "{{ ('a' if colour) or 'b' }}{{ ('a' if colour) | fallback('b') }}",
        "{% set x = last_purchase_at | countdown %}{% if x %}{{ x }}{% endif %}",
        "{% set known = first_name and first_name > 'a' %}{{ 'x' if known else 'y' }}",
    ],
)
def test_what_has_something_in_its_place_is_not_refused(tmp_path: Path, code: str) -> None:
    (mail,) = render(compiled(tmp_path, mjml(text(code))), {})
    assert mail["status"] == "rendered"


def test_needs_and_conditions_make_values_certain(tmp_path: Path) -> None:
    shown = text("{{ first_name }}")
    for head in (
        "needs: [first_name]",
        "when: first_name = 'Ada' AND points > 3",
        "when: NOT first_name IS NULL",
    ):
        compiled(
            tmp_path, mjml('{% slot "hero" optional %}'), {"a": f"---\nslot: hero\n{head}\n---\n{shown}"}
        )
    compiled(
        tmp_path,
        mjml('{% slot "hero" %}'),
        {"a": f"---\nslot: hero\ndefaults: {{first_name: you}}\n---\n{shown}"},
    )
    head = "when: first_name = 'Ada' OR points > 3"
    with pytest.raises(SourceError, match="may be missing"):
        compiled(
            tmp_path, mjml('{% slot "hero" optional %}'), {"a": f"---\nslot: hero\n{head}\n---\n{shown}"}
        )


@pytest.mark.parametrize("subject", ["Hello {{ nam }}", "{{ first_name }}", "Hello {% if %}", "a\nb"])
def test_a_wrong_subject_is_refused_in_the_campaign_file(tmp_path: Path, subject: str) -> None:
    with pytest.raises(SourceError, match=r"campaigns/spring\.yaml"):
        compiled(tmp_path, mjml(text("x")), campaign={"subject": subject})


def test_partials_and_macros_in_a_circle_are_refused(tmp_path: Path) -> None:
    blocks = {
        "partials/a": "{% include 'partials/b.mjml' %}",
        "partials/b": "{% include 'partials/a.mjml' %}",
    }
    with pytest.raises(SourceError, match="circle"):
        compiled(tmp_path, mjml("{% include 'partials/a.mjml' %}"), blocks)


def test_a_link_out_of_the_workspace_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.mjml"
    outside.write_text("secret")
    folder = tmp_path / "workspace"
    library(folder, mjml(text("x")))
    (folder / "blocks" / "partials").mkdir(parents=True)
    (folder / "blocks" / "partials" / "x.mjml").symlink_to(outside)
    with pytest.raises(MailwrightError, match="link out of its folder"):
        load_library(folder)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("blocks/x.mjml", "<mj-section></mj-section>", "names no slot"),
        ("blocks/x.mjml", "---\nslot: a\npriorty: 3\n---\n", "unknown key 'priorty'"),
        ("blocks/x.mjml", "---\nslot: a\n", "has no end"),
        ("blocks/x.mjml", "---\nslot: [a\n---\n", "not YAML"),
    ],
)
def test_a_wrong_block_file_is_refused(tmp_path: Path, name: str, content: str, what: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(SourceError, match=name) as error:
        load_library(tmp_path)
    assert what in error.value.what


def test_compiling_is_killed_when_it_is_too_much(tmp_path: Path) -> None:
    deep = "<mjml><mj-body><mj-raw>" + "<b>" * 200_000 + "</mj-raw></mj-body></mjml>"
    with pytest.raises(MailwrightError, match="too deep"):
        furnace.fire(deep, "zqj", "premailer")
    with pytest.raises(MailwrightError, match="more than 0 seconds"):
        furnace.fire("<mjml><mj-body></mj-body></mjml>", "zqj", "premailer", seconds=0)
    many = "<mjml><mj-body>" + '<mj-section css-class="a"><mj-column></mj-column></mj-section>' * 20_000
    with pytest.raises(MailwrightError, match="more than 1 seconds"):
        furnace.fire(many + "</mj-body></mjml>", "zqj", "premailer", seconds=1)
    compiled(tmp_path, mjml(text("and it goes on")))
