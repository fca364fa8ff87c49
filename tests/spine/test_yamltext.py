import pytest

from mailwright.errors import ConfigError, RuleError
from mailwright.model.campaign import CampaignSpec
from mailwright.model.segment import SegmentSpec
from mailwright.model.yamltext import parse_yaml

GOOD = "template: newsletter\nsubject: Hello\n"

BOMB = "values:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  {one}: &{one} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Ten to the ninth values out of nine lines."""

# (yaml, line, column, words in the message, words in the fix)
WRONG = [
    ("templat: x\nsubject: y\n", 1, 1, "unknown key 'templat'", "'template'"),
    (GOOD + "gates:\n  max_skiped: 1\n", 4, 3, "unknown key 'max_skiped' under gates", "'max_skipped'"),
    (GOOD + "gates:\n  max_skipped: lots\n", 4, 16, "gates.max_skipped", None),
    (GOOD + "gates:\n  max_skipped: 'lots'\n", 4, 17, "gates.max_skipped", None),
    (GOOD + "subject: again\n", 3, 1, "'subject' stands here twice", "keep one"),
    (GOOD + "sender: {name: x}\n", 3, 1, "'email' is missing", "email"),
    (GOOD + "values: [1\n", 4, 1, "not YAML", None),
    ("template: newsletter\n", 1, 1, "'subject' is missing", "subject"),
    ("", 1, 0, "is missing", None),
    ("- a\n", 1, 1, "key: value", None),
    (GOOD + "values:\n  when: 2026-99-99\n", 0, 0, "cannot be read", None),
    (GOOD + "values: &a { b: *a }\n", 3, 9, "holds itself", "write it out"),
    (GOOD + "values: " + "[" * 60 + "]" * 60 + "\n", 3, 0, "50 levels", None),
    (GOOD + "values: " + "[" * 5000 + "]" * 5000 + "\n", 0, 0, "50 levels", None),
    (GOOD + BOMB, 1, 0, "100,000 values", None),
    (GOOD + "values: !!python/object:os.system {}\n", 0, 0, "cannot be read", None),
]


@pytest.mark.parametrize(("text", "line", "column", "what", "fix"), WRONG)
def test_a_wrong_file_is_refused_with_line_column_and_fix(text, line, column, what, fix):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, CampaignSpec, file="campaigns/c.yaml")
    error = caught.value
    assert what in error.what
    if line:
        assert error.at.line == line
        assert column in (0, error.at.column)
    if fix:
        assert error.fix is not None
        assert fix in error.fix


def test_a_misspelt_key_inside_a_named_record_gets_the_nearest_key():
    with pytest.raises(ConfigError, match=r"segments.yaml:3:3: unknown key 'priorty' under vip") as caught:
        parse_yaml("vip:\n  rule: x\n  priorty: 3\n", dict[str, SegmentSpec], file="segments.yaml")
    assert "did you mean 'priority'?" in str(caught.value)


def test_the_place_of_a_value_is_where_its_text_begins():
    read = parse_yaml("vip:\n  rule: 'x > 3'\n", dict[str, SegmentSpec], file="s.yaml", first_line=4)
    place = read.at("vip", "rule")
    assert (place.line, place.column) == (5, 10)
    assert place.source == "  rule: 'x > 3'"


def test_the_place_of_an_absent_key_is_that_of_its_parent():
    read = parse_yaml(GOOD, CampaignSpec, file="c.yaml")
    assert read.at("sender", "email").line == 1


@pytest.mark.parametrize("style", ["|", "|-", ">", ">-"])
def test_a_text_of_lines_of_its_own_begins_on_the_first_of_them(style):
    text = f"a:\n  rule: {style}\n\n    points > 3\n    AND pionts > 1\nb: 1\n"
    at = parse_yaml(text, dict, file="segments.yaml").at("a", "rule")
    assert (at.line, at.column, at.source) == (4, 5, "    points > 3")


def test_an_error_in_the_second_line_of_a_rule_is_told_there():
    from rules import compile_rule
    from tests.rules.schema import CATALOG

    read = parse_yaml("a:\n  rule: |\n    points > 3\n    AND pionts > 1\n", dict, file="segments.yaml")
    with pytest.raises(RuleError, match="unknown attribute 'pionts'") as found:
        compile_rule(read.value["a"]["rule"], CATALOG, at=read.at("a", "rule"))
    assert (found.value.at.line, found.value.at.source) == (4, "AND pionts > 1")
