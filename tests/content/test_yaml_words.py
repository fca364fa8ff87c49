"""``on``, ``no`` and their kin are words: YAML 1.1 would make truth values of them."""

from __future__ import annotations

from mailwright.model import TriggerSpec
from mailwright.model.segment import SegmentSpec
from mailwright.model.yamltext import parse_yaml


def test_a_trigger_may_say_on() -> None:
    read = parse_yaml("on: product_added\ncampaign: cart\n", TriggerSpec, file="t.yaml")
    assert read.value.on == "product_added"


def test_norwegian_is_a_language_and_true_is_still_true() -> None:
    read = parse_yaml("locale: [no, sv]\nyes: true\nno: False\n", dict, file="b.mjml")
    assert read.value == {"locale": ["no", "sv"], "yes": True, "no": False}


def test_the_rule_true_needs_no_quotes() -> None:
    for text in ("TRUE", "true", '"TRUE"'):
        assert parse_yaml(f"rule: {text}\n", SegmentSpec, file="segments.yaml").value.rule == "TRUE"
    trigger = "on: product_added\ncampaign: cart\nwhen: TRUE\n"
    assert parse_yaml(trigger, TriggerSpec, file="t.yaml").value.when == "TRUE"
