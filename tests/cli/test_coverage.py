"""``coverage``, ``lint`` and ``verify-files``."""

import json

from tests.cli.conftest import NOW

FILE = (
    "<mjml><mj-body><mj-section><mj-column>"
    "<mj-text>{{ a }} &amp; <b>{{ b }}</b></mj-text>"
    "</mj-column></mj-section></mj-body></mjml>"
)


def test_coverage_counts_every_recipient_once_a_slot(cli, starter):
    found = cli("coverage", "newsletter", "--workspace", starter, "--now", NOW, "--workers", 1).data
    assert (found["exact"], found["recipients"], found["rendered"]) == (True, 5, 5)
    shown = {}
    for block in found["blocks"]:
        shown[block["slot"]] = shown.get(block["slot"], 0) + block["shown"]
    assert set(shown.values()) == {5}
    assert found["largest_profile"] in {"p1", "p2", "p3", "p4", "p5"}
    assert found["review"]


def test_quick_coverage_renders_nothing_and_says_so(cli, starter):
    found = cli("coverage", "newsletter", "--workspace", starter, "--now", NOW, "--quick").data
    assert (found["exact"], found["rendered"]) == (False, None)
    assert sum(block["chosen"] for block in found["blocks"] if block["slot"] == "hero") == 5


ABORTS = """---
slot: hero
priority: 90
---
{%% if points %s 40 %%}{{ abort("too many points") }}{%% endif %%}
<mj-section><mj-column><mj-text>Hello {{ first_name | fallback('you') }}</mj-text></mj-column></mj-section>
"""


def test_coverage_says_in_words_who_is_skipped_what_falls_back_and_how_large_it_is(cli, starter):
    block = starter / "blocks" / "hero" / "ours.mjml"
    block.parent.mkdir(parents=True)
    block.write_text(ABORTS % ">=")
    shown = cli("coverage", "newsletter", "--workspace", starter, "--now", NOW, plain=True).out
    for words in (
        "every figure is exact: 3 of 5 mails were made",
        "skipped: aborted 2",
        "not eligible: no_consent 1",
        "hero/ours; offer",
        "first_name, blocks/hero/ours.mjml:6:",
        "nobody gets: hero/",
        "largest mail:",
        "show everything:",
    ):
        assert words in shown, shown
    assert "|" not in shown.partition("show everything:")[2]
    quick = cli("coverage", "newsletter", "--workspace", starter, "--now", NOW, "--quick", plain=True).out
    assert "what is shown is not known" in quick
    assert "not eligible: no_consent 1" in quick


def test_coverage_of_mails_that_are_all_skipped_is_counted_too(cli, starter):
    block = starter / "blocks" / "hero" / "ours.mjml"
    block.parent.mkdir(parents=True)
    block.write_text(ABORTS % ">= 0 or points <")
    found = cli("coverage", "newsletter", "--workspace", starter, "--now", NOW, plain=True)
    assert found.code == 0, found.err
    assert "skipped: aborted 5" in found.out


def test_lint_finds_what_is_wrong_at_its_line(cli, starter):
    assert cli("lint", "newsletter", "--workspace", starter, "--now", NOW).data["errors"] == 0
    block = starter / "blocks" / "hero" / "ours.mjml"
    block.parent.mkdir(parents=True)
    block.write_text(
        "---\nslot: hero\npriority: 99\n---\n<mj-section><mj-column>\n"
        '<mj-image src="https://www.example.com/x.png" />\n</mj-column></mj-section>\n'
    )
    found = cli("lint", "newsletter", "--workspace", starter, "--now", NOW)
    assert found.code == 1
    (finding,) = [one for one in found.data["findings"] if one["level"] == "error"]
    assert (finding["at"]["file"], finding["at"]["line"]) == ("blocks/hero/ours.mjml", 6)
    github = cli("lint", "newsletter", "--workspace", starter, "--now", NOW, "--format", "github", plain=True)
    assert github.code == 1
    assert "::error file=blocks/hero/ours.mjml,line=6,col=16,title=pictures::" in github.out
    assert " Fix: " in github.out
    as_json = cli("lint", "newsletter", "--workspace", starter, "--now", NOW, "--format", "json", plain=True)
    assert (as_json.code, as_json.data) == (1, found.data)


def test_any_mjml_file_is_held_against_the_slow_way(cli, tmp_path):
    (tmp_path / "one.mjml").write_text(FILE)
    found = cli("verify-files", tmp_path)
    assert found.code == 0, found.err
    assert json.loads(found.out)["equal"]


def test_a_file_that_is_refused_does_not_keep_the_others_from_being_compared(cli, tmp_path):
    (tmp_path / "a.mjml").write_text("<mjml><mj-body>{{ a.__class__ }}</mj-body></mjml>")
    (tmp_path / "b.mjml").write_text(FILE)
    (tmp_path / "aa.mjml").write_bytes(b"<mjml><mj-body>\xff</mj-body></mjml>")
    found = cli("verify-files", tmp_path)
    assert found.code == 1
    refused, other, good = json.loads(found.out)["files"]
    assert (refused["campaign"], refused["line"], refused["equal"]) == ("a", 1, False)
    assert refused["error"]
    assert other["error"].startswith("this is not UTF-8")
    assert (good["campaign"], good["equal"], good["mails"]) == ("b", True, 5)


SHOWN = """---
slot: hero
priority: 90
---
<mj-section><mj-column><mj-text>{{ %s }}</mj-text></mj-column></mj-section>
"""


def test_a_computed_attribute_that_may_be_missing_needs_something_in_its_place(cli, starter):
    block = starter / "blocks" / "hero" / "shown.mjml"
    block.parent.mkdir(parents=True, exist_ok=True)
    for shown, refused in (("last_purchase_at | date", True), ("purchases | number", False)):
        block.write_text(SHOWN % shown)
        found = cli("lint", "newsletter", "--workspace", starter, "--now", NOW)
        assert ("last_purchase_at may be missing here" in found.out + found.err) == refused
        assert (found.code == 0) != refused
