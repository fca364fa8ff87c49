"""``on``, ``no`` and their kin are words: YAML 1.1 would make truth values of them."""

from __future__ import annotations

from mailwright.model import TriggerSpec
from mailwright.model.yamltext import parse_yaml


def test_a_trigger_may_say_on() -> None:
    read = parse_yaml("on: product_added\ncampaign: cart\n", TriggerSpec, file="t.yaml")
    assert read.value.on == "product_added"


def test_norwegian_is_a_language_and_true_is_still_true() -> None:
    read = parse_yaml("locale: [no, sv]\nyes: true\nno: False\n", dict, file="b.mjml")
    assert read.value == {"locale": ["no", "sv"], "yes": True, "no": False}
